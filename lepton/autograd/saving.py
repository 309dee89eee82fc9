"""What an op keeps for backward, and the hooks through which a user may have it kept otherwise.

A saved value is a tuple: the value itself; the version cell of its memory, and the version that it had; and where it
came from, as ``Op._make_plan`` has it. Of one that was packed by a hook, the second is the hook that unpacks it, and
the version is None.
"""

from __future__ import annotations

from typing import Any

from lepton.autograd.state import STATE
from lepton.autograd.tensor import Tensor
from lepton.errors import ArgumentTypeError, GradError

Saved = tuple[Any, Any, Any, Any]
FREED: Any = None  # what ``Op.saved`` becomes when backward has used and released it
UNSHARED = [0]  # the version cell of arrays that nobody else can write to


def pack(tensor: Tensor, code: Any) -> Saved:
    """A saved tensor as the hooks that are set want it kept.

    Raises:
        GradError: the hook writes to the tensor.
    """
    assert STATE.saved_hooks is not None
    pack_hook, unpack_hook = STATE.saved_hooks
    cell, grad_enabled = tensor._cell, STATE.grad_enabled
    version = None if cell is None else cell[0]
    STATE.grad_enabled = False
    try:
        packed = pack_hook(tensor)
    finally:
        STATE.grad_enabled = grad_enabled
    if cell is not None and cell[0] != version:
        raise GradError(
            "A saved tensor pack hook is modifying its input in place. Tensors provided as input to pack hook cannot "
            "be modified by in-place operations as this can lead to unexpected side-effects."
        )
    return (packed, unpack_hook, None, code)


def unpack(packed: Any, unpack_hook: Any) -> Tensor:
    """The tensor that a hook makes of what its partner kept.

    Raises:
        ArgumentTypeError: it makes something else.
    """
    found = unpack_hook(packed)
    if not isinstance(found, Tensor):
        raise ArgumentTypeError(
            f"Output of saved tensor unpack_hook expected to be a Tensor but got result of type {type(found).__name__}"
        )
    return found
