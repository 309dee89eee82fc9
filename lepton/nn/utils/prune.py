"""Pruning: weights that are held at zero by a mask.

A pruned parameter ``name`` becomes a product, computed before each ``forward``, of the parameter ``name_orig`` and the
buffer ``name_mask``. Pruned again, only what is left is looked at.
"""

from __future__ import annotations

import numbers
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from typing import Any, ClassVar, TypeVar

from lepton.autograd.ops.creation import ones_like, zeros_like
from lepton.autograd.ops.random import rand, rand_like
from lepton.autograd.ops.sorting import kthvalue, topk
from lepton.autograd.ops.statistics import norm
from lepton.autograd.state import no_grad
from lepton.autograd.tensor import Tensor
from lepton.errors import ArgumentError, ArgumentTypeError, ContractError, IndexRangeError, ModuleAttributeError
from lepton.nn.module import Module
from lepton.nn.utils._hooks import find_hook, hooks_of, take_hook
from lepton.nn.utils.convert_parameters import parameters_to_vector

__all__ = [
    "BasePruningMethod",
    "CustomFromMask",
    "Identity",
    "L1Unstructured",
    "LnStructured",
    "PruningContainer",
    "RandomStructured",
    "RandomUnstructured",
    "custom_from_mask",
    "global_unstructured",
    "identity",
    "is_pruned",
    "l1_unstructured",
    "ln_structured",
    "random_structured",
    "random_unstructured",
    "remove",
]

M = TypeVar("M", bound=Module)


class BasePruningMethod(ABC):
    """A way of pruning, and the hook that multiplies the mask into the parameter before each ``forward``.

    A subclass sets ``PRUNING_TYPE`` (``"unstructured"``: elements, ``"structured"``: slices along ``self.dim``,
    ``"global"``: all is decided anew) and defines :meth:`compute_mask`.
    """

    PRUNING_TYPE: ClassVar[str]
    _tensor_name: str = ""

    def __call__(self, module: Module, inputs: Any) -> None:
        setattr(module, self._tensor_name, self.apply_mask(module))

    @abstractmethod
    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        """A mask of 0 and 1 for the importance scores ``t``, 0 wherever ``default_mask`` is."""

    def apply_mask(self, module: Module) -> Tensor:
        """mask·orig."""
        mask, orig = (getattr(module, f"{self._tensor_name}_{part}") for part in ("mask", "orig"))
        return mask.to(dtype=orig.dtype) * orig

    @classmethod
    def apply(
        cls, module: Module, name: str, *args: Any, importance_scores: Tensor | None = None, **kwargs: Any
    ) -> BasePruningMethod:
        """Prune a parameter of a module; what is pruned already stays so.

        Args:
            module, name: which parameter. importance_scores: by what to choose instead of its values.
            args, kwargs: those of the method's class.

        Returns:
            The hook: the method, or a :class:`PruningContainer` of all that were applied.

        Raises:
            ContractError: the scores have another shape. ArgumentError: the method refuses.
        """
        method: BasePruningMethod = cls(*args, **kwargs)
        method._tensor_name = name
        orig = getattr(module, name)
        scores = _scores(importance_scores, orig, f"parameter {name} of {module}")
        before = _hook(module, name)
        if before is None:
            with no_grad():
                mask = method.compute_mask(scores, default_mask=ones_like(orig))
            module.register_parameter(f"{name}_orig", orig)
            del module._parameters[name]
        else:
            earlier = list(before) if isinstance(before, PruningContainer) else [before]
            method = PruningContainer(*earlier, method)
            with no_grad():
                mask = method.compute_mask(scores, getattr(module, f"{name}_mask"))
            take_hook(module, before)
        module.register_buffer(f"{name}_mask", mask)
        setattr(module, name, method.apply_mask(module))
        module.register_forward_pre_hook(method)
        return method

    def prune(
        self, t: Tensor, default_mask: Tensor | None = None, importance_scores: Tensor | None = None
    ) -> Tensor:
        """``t`` with the chosen elements 0.

        Args:
            t: the tensor. default_mask: what is pruned already. importance_scores: by what to choose instead of ``t``.

        Raises:
            ContractError: the scores have another shape. ArgumentError: the method refuses.
        """
        scores = _scores(importance_scores, t, "tensor t")
        return t * self.compute_mask(scores, default_mask=ones_like(t) if default_mask is None else default_mask)

    def remove(self, module: Module) -> None:
        """Make the pruned weight the parameter again; what is pruned stays zero, but is no longer held there."""
        name = self._tensor_name
        weight = self.apply_mask(module)
        delattr(module, name)
        orig: Any = module._parameters[f"{name}_orig"]
        orig.data = weight.detach()
        del module._parameters[f"{name}_orig"]
        del module._buffers[f"{name}_mask"]
        setattr(module, name, orig)


def _hook(module: Module, name: str) -> BasePruningMethod | None:
    return find_hook(module, BasePruningMethod, name, "_tensor_name")  # type: ignore[type-abstract]


def _scores(given: Tensor | None, of: Tensor, what: str) -> Tensor:
    if given is None:
        return of
    if given.shape != of.shape:
        raise ContractError(
            f"importance_scores should have the same shape as {what}, got {list(given.shape)} vs {list(of.shape)}"
        )
    return given


class PruningContainer(BasePruningMethod):
    """Several methods that were applied to one parameter, one after the other.

    Args:
        args: methods.

    Raises:
        ArgumentTypeError: no method. ArgumentError: one for another parameter.
    """

    def __init__(self, *args: BasePruningMethod) -> None:
        self._pruning_methods: tuple[BasePruningMethod, ...] = ()
        if args:
            self._tensor_name = getattr(args[0], "_tensor_name", "")
        for method in args:
            self.add_pruning_method(method)

    def add_pruning_method(self, method: BasePruningMethod) -> None:
        """Add a method at the end.

        Raises:
            ArgumentTypeError: it is none. ArgumentError: it is for another parameter.
        """
        if not isinstance(method, BasePruningMethod):
            raise ArgumentTypeError(f"{type(method)} is not a BasePruningMethod subclass")
        if method._tensor_name != self._tensor_name:
            raise ArgumentError(
                f"Can only add pruning methods acting on the parameter named '{self._tensor_name}' to PruningContainer "
                f"{self}. Found '{method._tensor_name}'"
            )
        self._pruning_methods += (method,)

    def __len__(self) -> int:
        return len(self._pruning_methods)

    def __iter__(self) -> Iterator[BasePruningMethod]:
        return iter(self._pruning_methods)

    def __getitem__(self, index: Any) -> Any:
        return self._pruning_methods[index]

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        """``default_mask``, where it is not 0 replaced by what the last method makes of that part.

        Raises:
            ArgumentError: an unknown ``PRUNING_TYPE``. ModuleAttributeError: a structured method without ``dim``.
            IndexRangeError: there is no such dimension.
        """
        method = self._pruning_methods[-1]
        left = _left(method, t, default_mask)
        mask = default_mask.to(dtype=t.dtype, copy=True)
        mask[left] = method.compute_mask(t[left], default_mask=default_mask[left]).to(dtype=mask.dtype)
        return mask


def _left(method: BasePruningMethod, t: Tensor, mask: Tensor) -> Any:
    """The index of what a method may still prune."""
    kind = method.PRUNING_TYPE
    if kind == "unstructured":
        return mask == 1
    index: list[Any] = [slice(None)] * t.ndim
    if kind == "global":
        return tuple(index)
    if kind != "structured":
        raise ArgumentError(f"Unrecognized PRUNING_TYPE {kind}")
    if not hasattr(method, "dim"):
        raise ModuleAttributeError(
            'Pruning methods of PRUNING_TYPE "structured" need to have the attribute `dim` defined.'
        )
    index[method.dim] = mask.sum(dim=_other_dims(t, method.dim)) != 0
    return tuple(index)


def _other_dims(t: Tensor, dim: int) -> list[int]:
    if not -t.ndim <= dim < t.ndim:
        raise IndexRangeError(f"Invalid index {dim} for tensor of size {list(t.shape)}")
    return [each for each in range(t.ndim) if each != dim % t.ndim]


class Identity(BasePruningMethod):
    """Prunes nothing, but makes the mask."""

    PRUNING_TYPE = "unstructured"

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        return default_mask

    @classmethod
    def apply(cls, module: Module, name: str) -> BasePruningMethod:  # type: ignore[override]
        """Give a parameter of a module a mask of ones."""
        return super().apply(module, name)


class _ByAmount(BasePruningMethod):
    """A method that prunes a number of elements or slices, or (a float) a part of them."""

    def __init__(self, amount: float) -> None:
        if not isinstance(amount, numbers.Real):
            raise ArgumentTypeError(f"Invalid type for amount: {amount}. Must be int or float.")
        highest = float("inf") if isinstance(amount, numbers.Integral) else 1.0
        if not 0 <= amount <= highest:
            raise ArgumentError(
                f"amount={amount} should either be a float in the range [0, 1] or a non-negative integer"
            )
        self.amount: float = amount

    def count(self, size: int) -> int:
        """How many of ``size`` to prune.

        Raises:
            ArgumentError: more than there are.
        """
        count = int(self.amount) if isinstance(self.amount, numbers.Integral) else round(self.amount * size)
        if count > size:
            raise ArgumentError(f"amount={count} should be smaller than the number of parameters to prune={size}")
        return count


class _Elements(_ByAmount):
    """A method that prunes the elements of lowest rank."""

    PRUNING_TYPE = "unstructured"

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        count = self.count(t.numel())
        mask = default_mask.detach().reshape(-1).clone()
        if count:
            mask[self.chosen(t.detach().reshape(-1), count)] = 0
        return mask.reshape(default_mask.shape)

    def chosen(self, t: Tensor, count: int) -> Tensor:
        """The numbers of the elements of the vector ``t`` to prune."""
        raise NotImplementedError(f"{type(self).__name__} does not say what to prune")


class RandomUnstructured(_Elements):
    """Prunes elements at random.

    Args:
        amount: how many elements, or (a float) which part of them.

    Raises:
        ArgumentError: it is negative, or a part above 1. ArgumentTypeError: it is no number.
    """

    def chosen(self, t: Tensor, count: int) -> Tensor:
        return topk(rand_like(t), count).indices

    @classmethod
    def apply(cls, module: Module, name: str, amount: float) -> BasePruningMethod:  # type: ignore[override]
        """Prune elements of a parameter of a module at random."""
        return super().apply(module, name, amount=amount)


class L1Unstructured(_Elements):
    """Prunes the elements of least absolute value.

    Args:
        amount: how many elements, or (a float) which part of them.

    Raises:
        ArgumentError: it is negative, or a part above 1. ArgumentTypeError: it is no number.
    """

    def chosen(self, t: Tensor, count: int) -> Tensor:
        return topk(t.abs(), count, largest=False).indices

    @classmethod
    def apply(  # type: ignore[override]
        cls, module: Module, name: str, amount: float, importance_scores: Tensor | None = None
    ) -> BasePruningMethod:
        """Prune the least elements of a parameter of a module."""
        return super().apply(module, name, amount=amount, importance_scores=importance_scores)


class _Slices(_ByAmount):
    """A method that prunes whole slices along one dimension."""

    PRUNING_TYPE = "structured"

    def __init__(self, amount: float, dim: int = -1) -> None:
        super().__init__(amount)
        self.dim = dim

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        if t.ndim <= 1:
            raise ArgumentError(
                "Structured pruning can only be applied to multidimensional tensors. Found tensor of shape "
                f"{list(t.shape)} with {t.ndim} dims"
            )
        others = _other_dims(t, self.dim)
        size = t.shape[self.dim]
        count = self.count(size)
        if not count:
            return default_mask
        index: list[Any] = [slice(None)] * t.ndim
        index[self.dim] = self.kept(t.detach(), others, size, count)
        mask = zeros_like(t)
        mask[tuple(index)] = 1
        return mask * default_mask.to(dtype=mask.dtype)

    def kept(self, t: Tensor, others: list[int], size: int, count: int) -> Tensor:
        """Which slices to keep, by their numbers or by a mask, when ``count`` of ``size`` are pruned."""
        raise NotImplementedError(f"{type(self).__name__} does not say what to keep")


class RandomStructured(_Slices):
    """Prunes slices along a dimension at random.

    Args:
        amount: how many slices, or (a float) which part of them. dim: the dimension.

    Raises:
        ArgumentError: ``amount`` is negative, or a part above 1. ArgumentTypeError: it is no number.
    """

    def kept(self, t: Tensor, others: list[int], size: int, count: int) -> Tensor:
        drawn = rand(size, device=t.device)
        return drawn > kthvalue(drawn, count).values

    @classmethod
    def apply(cls, module: Module, name: str, amount: float, dim: int = -1) -> BasePruningMethod:  # type: ignore[override]
        """Prune slices of a parameter of a module at random."""
        return super().apply(module, name, amount=amount, dim=dim)


class LnStructured(_Slices):
    """Prunes the slices along a dimension that have the least norm.

    Args:
        amount: how many slices, or (a float) which part of them. n: which norm, as :func:`lepton.norm` takes it.
        dim: the dimension.

    Raises:
        ArgumentError: ``amount`` is negative, or a part above 1. ArgumentTypeError: it is no number.
    """

    def __init__(self, amount: float, n: Any, dim: int = -1) -> None:
        super().__init__(amount, dim)
        self.n = n

    def kept(self, t: Tensor, others: list[int], size: int, count: int) -> Tensor:
        return topk(norm(t, self.n, others), size - count).indices

    @classmethod
    def apply(  # type: ignore[override]
        cls, module: Module, name: str, amount: float, n: Any, dim: int, importance_scores: Tensor | None = None
    ) -> BasePruningMethod:
        """Prune the slices of least norm of a parameter of a module."""
        return super().apply(module, name, amount=amount, n=n, dim=dim, importance_scores=importance_scores)


class CustomFromMask(BasePruningMethod):
    """Prunes what a given mask is 0 for.

    Args:
        mask: of the parameter's shape.
    """

    PRUNING_TYPE = "global"

    def __init__(self, mask: Tensor) -> None:
        self.mask = mask

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        if default_mask.shape != self.mask.shape:
            raise ContractError(
                f"the mask has shape {list(self.mask.shape)}, and what it is for has {list(default_mask.shape)}"
            )
        return default_mask * self.mask.to(dtype=default_mask.dtype)

    @classmethod
    def apply(cls, module: Module, name: str, mask: Tensor) -> BasePruningMethod:  # type: ignore[override]
        """Prune a parameter of a module by a mask."""
        return super().apply(module, name, mask=mask)


# ---------------------------------------------------------------------- functions


def identity(module: M, name: str) -> M:
    """Give a parameter a mask of ones; returns the module."""
    Identity.apply(module, name)
    return module


def random_unstructured(module: M, name: str, amount: float) -> M:
    """Prune ``amount`` elements, or that part, of a parameter at random; returns the module."""
    RandomUnstructured.apply(module, name, amount)
    return module


def l1_unstructured(module: M, name: str, amount: float, importance_scores: Tensor | None = None) -> M:
    """Prune the ``amount`` elements, or that part, of least absolute value (or score); returns the module."""
    L1Unstructured.apply(module, name, amount, importance_scores=importance_scores)
    return module


def random_structured(module: M, name: str, amount: float, dim: int) -> M:
    """Prune ``amount`` slices, or that part, along a dimension at random; returns the module."""
    RandomStructured.apply(module, name, amount, dim)
    return module


def ln_structured(
    module: M, name: str, amount: float, n: Any, dim: int, importance_scores: Tensor | None = None
) -> M:
    """Prune the ``amount`` slices, or that part, along a dimension that have the least norm; returns the module."""
    LnStructured.apply(module, name, amount, n, dim, importance_scores=importance_scores)
    return module


def custom_from_mask(module: M, name: str, mask: Tensor) -> M:
    """Prune a parameter where a mask is 0; returns the module."""
    CustomFromMask.apply(module, name, mask)
    return module


def global_unstructured(
    parameters: Iterable[tuple[Module, str]],
    pruning_method: type[BasePruningMethod],
    importance_scores: dict[tuple[Module, str], Tensor] | None = None,
    **kwargs: Any,
) -> None:
    """Prune several parameters as if they were one vector, so that those of small values lose more.

    Args:
        parameters: pairs (module, name). pruning_method: an unstructured one. importance_scores: scores for pairs.
        kwargs: those of the method's class, such as ``amount``.

    Raises:
        ArgumentTypeError: ``parameters`` is not iterable, the scores no dict, or the method not unstructured.
    """
    if not isinstance(parameters, Iterable):
        raise ArgumentTypeError("global_unstructured(): parameters is not an Iterable")
    scores = {} if importance_scores is None else importance_scores
    if not isinstance(scores, dict):
        raise ArgumentTypeError("global_unstructured(): importance_scores must be of type dict")
    pairs = list(parameters)
    method = pruning_method(**kwargs)
    if method.PRUNING_TYPE != "unstructured":
        raise ArgumentTypeError(
            'Only "unstructured" PRUNING_TYPE supported for the `pruning_method`. Found method '
            f"{pruning_method} of type {method.PRUNING_TYPE}"
        )
    present = [getattr(module, name) for module, name in pairs]
    masks = [
        getattr(module, f"{name}_mask", ones_like(each)) for (module, name), each in zip(pairs, present, strict=True)
    ]
    with no_grad():
        ranked = parameters_to_vector([scores.get(pair, each) for pair, each in zip(pairs, present, strict=True)])
        final = PruningContainer(method).compute_mask(ranked, parameters_to_vector(masks))
    begin = 0
    for (module, name), each in zip(pairs, present, strict=True):
        end = begin + each.numel()
        custom_from_mask(module, name, final[begin:end].view(each.shape))
        begin = end


def remove(module: M, name: str) -> M:
    """Make a pruned weight the parameter again: its zeros stay, but are no longer held there; returns the module.

    Raises:
        ArgumentError: it is not pruned.
    """
    hook = _hook(module, name)
    if hook is None:
        raise ArgumentError(
            f"Parameter '{name}' of module {module} has to be pruned before pruning can be removed"
        )
    hook.remove(module)
    take_hook(module, hook)
    return module


def is_pruned(module: Module) -> bool:
    """Whether a parameter of the module, or of one in it, is pruned."""
    return any(hooks_of(each, BasePruningMethod) for each in module.modules())  # type: ignore[type-abstract]
