"""All parameters as one vector, and back."""

from __future__ import annotations

from collections.abc import Iterable

from lepton.autograd.ops.joining import cat
from lepton.autograd.tensor import Tensor
from lepton.errors import ArgumentTypeError

__all__ = ["parameters_to_vector", "vector_to_parameters"]


def _on_one_device(parameters: Iterable[Tensor]) -> list[Tensor]:
    listed = list(parameters)
    places = {str(each.device): None for each in listed}
    if len(places) > 1:
        raise ArgumentTypeError(
            f"Found two parameters on different devices, {' and '.join(places)}; this is currently not supported. "
            "Move them together with tensor.to(device)."
        )
    return listed


def parameters_to_vector(parameters: Iterable[Tensor]) -> Tensor:
    """The elements of all parameters, one after the other, in one vector on the graph.

    Raises:
        ArgumentTypeError: they are on several devices. ShapeError: one cannot be viewed as a vector.
    """
    return cat([each.view(-1) for each in _on_one_device(parameters)], 0)


def vector_to_parameters(vec: Tensor, parameters: Iterable[Tensor]) -> None:
    """Let each parameter be its part of the vector, whose memory it then shares.

    Raises:
        ArgumentTypeError: ``vec`` is no tensor, or the parameters are on several devices. ShapeError: it is too short.
    """
    if not isinstance(vec, Tensor):
        raise ArgumentTypeError(f"expected lepton.Tensor, but got: {type(vec).__name__}")
    begin = 0
    for parameter in _on_one_device(parameters):
        end = begin + parameter.numel()
        parameter.data = vec[begin:end].view(parameter.shape).data
        begin = end
