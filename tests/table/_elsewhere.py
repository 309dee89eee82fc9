"""Public names that are no ops: which test file tells what they do."""

from __future__ import annotations

ELSEWHERE: dict[str, tuple[str, ...]] = {
    "autograd/ops/test_linalg.py": (
        "linalg.LinAlgError",
    ),
    "autograd/test_checkpoint.py": (
        "utils.checkpoint.CheckpointError", "utils.checkpoint.CheckpointFunction",
        "utils.checkpoint.check_backward_validity", "utils.checkpoint.checkpoint",
        "utils.checkpoint.checkpoint_sequential", "utils.checkpoint.detach_variable",
        "utils.checkpoint.noop_context_fn", "utils.checkpoint.set_checkpoint_debug_enabled",
        "utils.checkpoint.set_checkpoint_early_stop",
    ),
    "autograd/test_drawing.py": (
        "autograd.draw",
    ),
    "autograd/test_engine.py": (
        "Tensor.backward", "Tensor.data", "Tensor.detach", "Tensor.grad", "Tensor.grad_fn", "Tensor.is_leaf",
        "Tensor.register_hook", "Tensor.register_post_accumulate_grad_hook", "Tensor.requires_grad",
        "Tensor.requires_grad_", "Tensor.retain_grad", "Tensor.retains_grad", "autograd.Tensor",
        "autograd.backward", "autograd.grad", "is_grad_enabled", "no_grad",
    ),
    "autograd/test_function.py": (
        "autograd.Function",
    ),
    "autograd/test_gradcheck.py": (
        "autograd.gradcheck", "autograd.gradgradcheck",
    ),
    "autograd/test_graph.py": (
        "autograd.graph.Node",
    ),
    "autograd/test_inplace.py": (
        "Tensor.is_inference", "inference_mode",
    ),
    "autograd/test_memory.py": (
        "Tensor.cuda", "Tensor.data_ptr", "Tensor.detach_", "Tensor.layout", "Tensor.new_empty_strided",
        "Tensor.numpy", "Tensor.storage_offset", "float32", "float64",
    ),
    "autograd/test_state.py": (
        "autograd.detect_anomaly", "autograd.enable_grad", "autograd.inference_mode",
        "autograd.is_grad_enabled", "autograd.no_grad", "autograd.set_detect_anomaly",
        "autograd.set_grad_enabled", "enable_grad", "is_anomaly_check_nan_enabled", "is_anomaly_enabled",
        "is_inference_mode_enabled",
    ),
    "backend/test_dtypes.py": (
        "float16", "int16", "int32", "int64", "int8", "uint8",
    ),
    "backend/test_random_generator.py": (
        "Generator", "default_generator",
    ),
    "backend/test_threads.py": (
        "get_num_threads", "set_num_threads",
    ),
    "data/test_dataset.py": (
        "data.ChainDataset", "data.ConcatDataset", "data.Dataset", "data.StackDataset", "data.Subset",
        "data.TensorDataset", "utils.data.ChainDataset", "utils.data.ConcatDataset", "utils.data.Dataset",
        "utils.data.StackDataset", "utils.data.Subset", "utils.data.TensorDataset",
    ),
    "data/test_loader.py": (
        "data.Sampler", "data.get_worker_info", "utils.data.Sampler", "utils.data.get_worker_info",
    ),
    "io/test_checkpoint.py": (
        "load", "save",
    ),
    "nn/test_init.py": (
        "nn.init.constant", "nn.init.dirac", "nn.init.eye", "nn.init.kaiming_normal",
        "nn.init.kaiming_uniform", "nn.init.normal", "nn.init.orthogonal", "nn.init.sparse",
        "nn.init.uniform", "nn.init.xavier_normal", "nn.init.xavier_uniform",
    ),
    "nn/test_module.py": (
        "nn.Buffer", "nn.Module", "nn.Parameter",
    ),
    "nn/test_module_containers.py": (
        "nn.ModuleDict", "nn.ModuleList", "nn.ParameterDict", "nn.ParameterList", "nn.Sequential",
    ),
    "nn/test_packed_sequence.py": (
        "nn.utils.rnn.PackedSequence",
    ),
    "nn/test_parametrize.py": (
        "nn.utils.parametrizations.spectral_norm", "nn.utils.parametrizations.weight_norm",
        "nn.utils.parametrize.cached",
    ),
    "nn/test_utils.py": (
        "nn.utils.fuse_conv_bn_weights", "nn.utils.fuse_linear_bn_weights",
        "nn.utils.prune.BasePruningMethod", "nn.utils.prune.RandomStructured",
        "nn.utils.prune.RandomUnstructured",
    ),
    "optim/test_lr_scheduler.py": (
        "optim.lr_scheduler.LRScheduler",
    ),
    "optim/test_optimizers.py": (
        "optim.Optimizer",
    ),
    "oracle/test_autograd.py": (
        "autograd.functional.hessian", "autograd.functional.hvp", "autograd.functional.jacobian",
        "autograd.functional.jvp", "autograd.functional.vhp", "autograd.functional.vjp",
        "autograd.graph.disable_saved_tensors_hooks", "autograd.graph.increment_version",
        "autograd.graph.register_multi_grad_hook", "autograd.graph.save_on_cpu",
        "autograd.graph.saved_tensors_hooks",
    ),
    "oracle/test_data.py": (
        "data.BatchSampler", "data.DataLoader", "data.IterableDataset", "data.RandomSampler",
        "data.SequentialSampler", "data.SubsetRandomSampler", "data.WeightedRandomSampler",
        "data.default_collate", "data.default_convert", "data.random_split", "utils.data.BatchSampler",
        "utils.data.DataLoader", "utils.data.IterableDataset", "utils.data.RandomSampler",
        "utils.data.SequentialSampler", "utils.data.SubsetRandomSampler", "utils.data.WeightedRandomSampler",
        "utils.data.default_collate", "utils.data.default_convert", "utils.data.random_split",
    ),
    "oracle/test_lr_scheduler.py": (
        "optim.lr_scheduler.ChainedScheduler", "optim.lr_scheduler.ConstantLR",
        "optim.lr_scheduler.CosineAnnealingLR", "optim.lr_scheduler.CosineAnnealingWarmRestarts",
        "optim.lr_scheduler.CyclicLR", "optim.lr_scheduler.ExponentialLR", "optim.lr_scheduler.LambdaLR",
        "optim.lr_scheduler.LinearLR", "optim.lr_scheduler.MultiStepLR",
        "optim.lr_scheduler.MultiplicativeLR", "optim.lr_scheduler.OneCycleLR",
        "optim.lr_scheduler.PolynomialLR", "optim.lr_scheduler.ReduceLROnPlateau",
        "optim.lr_scheduler.SequentialLR", "optim.lr_scheduler.StepLR",
    ),
    "oracle/test_nn_utils.py": (
        "nn.utils.clip_grad_norm", "nn.utils.clip_grad_norm_", "nn.utils.clip_grad_value_",
        "nn.utils.clip_grads_with_norm_", "nn.utils.fuse_conv_bn_eval", "nn.utils.fuse_linear_bn_eval",
        "nn.utils.get_total_norm", "nn.utils.parameters_to_vector", "nn.utils.remove_spectral_norm",
        "nn.utils.remove_weight_norm", "nn.utils.spectral_norm", "nn.utils.vector_to_parameters",
        "nn.utils.weight_norm",
    ),
    "oracle/test_optim.py": (
        "optim.ASGD", "optim.Adadelta", "optim.Adafactor", "optim.Adagrad", "optim.Adam", "optim.AdamW",
        "optim.Adamax", "optim.LBFGS", "optim.Muon", "optim.NAdam", "optim.RAdam", "optim.RMSprop",
        "optim.Rprop", "optim.SGD",
    ),
    "oracle/test_parametrize.py": (
        "nn.utils.parametrizations.orthogonal", "nn.utils.parametrize.ParametrizationList",
        "nn.utils.parametrize.is_parametrized", "nn.utils.parametrize.register_parametrization",
        "nn.utils.parametrize.remove_parametrizations",
        "nn.utils.parametrize.transfer_parametrizations_and_params",
        "nn.utils.parametrize.type_before_parametrizations",
    ),
    "oracle/test_printing.py": (
        "set_printoptions",
    ),
    "oracle/test_prune.py": (
        "nn.utils.prune.CustomFromMask", "nn.utils.prune.Identity", "nn.utils.prune.L1Unstructured",
        "nn.utils.prune.LnStructured", "nn.utils.prune.PruningContainer", "nn.utils.prune.custom_from_mask",
        "nn.utils.prune.global_unstructured", "nn.utils.prune.identity", "nn.utils.prune.is_pruned",
        "nn.utils.prune.l1_unstructured", "nn.utils.prune.ln_structured", "nn.utils.prune.random_structured",
        "nn.utils.prune.random_unstructured", "nn.utils.prune.remove",
    ),
    "oracle/test_swa_utils.py": (
        "optim.swa_utils.AveragedModel", "optim.swa_utils.SWALR", "optim.swa_utils.get_ema_avg_fn",
        "optim.swa_utils.get_ema_multi_avg_fn", "optim.swa_utils.get_swa_avg_fn",
        "optim.swa_utils.get_swa_multi_avg_fn", "optim.swa_utils.update_bn",
    ),
    "test_house.py": (
        "set_default_dtype", "set_grad_enabled",
    ),
}  # fmt: skip
