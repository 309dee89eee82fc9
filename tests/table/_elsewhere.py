"""Public names that are no ops: which test file tells what they do."""

from __future__ import annotations

ELSEWHERE: dict[str, tuple[str, ...]] = {
    "autograd/test_engine.py": (
        "is_grad_enabled", "no_grad", "Tensor.backward", "Tensor.detach", "Tensor.grad",
        "Tensor.grad_fn", "Tensor.is_leaf", "Tensor.register_hook", "Tensor.register_post_accumulate_grad_hook",
        "Tensor.requires_grad", "Tensor.requires_grad_", "Tensor.retain_grad", "Tensor.retains_grad", "Tensor.data",
    ),
    "autograd/ops/test_linalg.py": ("linalg.LinAlgError",),
    "autograd/test_inplace.py": ("inference_mode", "Tensor.is_inference"),
    "autograd/test_memory.py": (
        "Tensor.cuda", "Tensor.data_ptr", "Tensor.detach_", "Tensor.layout", "Tensor.new_empty_strided",
        "Tensor.numpy", "Tensor.storage_offset",
    ),
    "autograd/test_state.py": ("is_anomaly_check_nan_enabled", "is_anomaly_enabled", "is_inference_mode_enabled"),
    "backend/test_random_generator.py": ("Generator", "default_generator"),
    "io/test_checkpoint.py": ("load", "save"),
    "nn/test_module.py": ("nn.Buffer", "nn.Module", "nn.Parameter"),
    "nn/test_module_containers.py": (
        "nn.ModuleDict", "nn.ModuleList", "nn.ParameterDict", "nn.ParameterList", "nn.Sequential",
    ),
    "oracle/test_printing.py": ("set_printoptions",),
    "nn/test_packed_sequence.py": ("nn.utils.rnn.PackedSequence",),
    "test_house.py": ("set_default_dtype", "set_grad_enabled"),
}  # fmt: skip
