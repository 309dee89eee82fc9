"""Backward: walk the recorded graph from the results to the leaves, once, without recursion.

The order is by child counting: an op runs when every op that used its outputs has run, so its gradient is complete. A
leaf's gradient is final at the moment its last use has run, and its hooks fire then. Gradients travel as raw arrays;
only under ``create_graph`` do they travel as Tensors, and then the same rules record their own derivative.
"""

from __future__ import annotations

import threading
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from lepton.autograd.op import FORWARD_LINES, Cast, Op, SumTo, as_array, data_of
from lepton.autograd.ops.joining import Stack
from lepton.autograd.saving import FREED
from lepton.autograd.state import STATE
from lepton.autograd.tensor import Tensor
from lepton.backend.devices import xp
from lepton.backend.floats import restore, silence
from lepton.errors import AnomalyError, ArgumentError, ArgumentTypeError, GradError, ShapeError
from lepton.kernels.arithmetic import accumulate, add

_claiming = threading.Lock()
_accumulating = threading.RLock()  # reentrant: the garbage collector may run somebody's backward at any moment


def backward(
    tensors: Tensor | Sequence[Tensor],
    grad_tensors: Tensor | Sequence[Tensor | None] | None = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    grad_variables: Tensor | Sequence[Tensor | None] | None = None,
    inputs: Tensor | Sequence[Tensor] | None = None,
) -> None:
    """Accumulate into ``.grad`` of the leaves the gradients of ``tensors``.

    Args:
        tensors: the results to differentiate.
        grad_tensors: ∂L/∂tensor for each, of its shape; may be left out (None) for tensors of one element.
        retain_graph: keep what the graph saved, for another backward; by default as ``create_graph``.
        create_graph: record the backward itself, so that it can be differentiated in turn.
        grad_variables: ``grad_tensors``' name of old.
        inputs: accumulate into these tensors only.

    Raises:
        GradError: a result has more than one element and no gradient was given, nothing requires a gradient, or the
            graph has already been used. ShapeError: a gradient's shape is not its tensor's. VersionError: a saved
            tensor was modified since.
    """
    outputs = _as_tuple(tensors)
    gradients = _gradients_for(outputs, _by_new_name(grad_tensors, grad_variables), create_graph)
    if inputs is None:
        targets = None
    else:
        targets = _as_tuple(inputs)
        if not targets:
            raise GradError("'inputs' argument to backward() cannot be empty.")
        for each in targets:
            _check_requires_grad(each, "One of the differentiated Tensors does not require grad")
    keep = create_graph if retain_graph is None else retain_graph
    found = run(outputs, gradients, keep, create_graph, targets)
    for target, gradient in zip(targets or (), found, strict=True):
        if gradient is not None:
            _add_to_grad(target, gradient, False, create_graph)


def _by_new_name(grad_tensors: Any, grad_variables: Any) -> Any:
    if grad_variables is None:
        return grad_tensors
    warnings.warn("`grad_variables` is deprecated. Use `grad_tensors` instead.", FutureWarning, stacklevel=3)
    if grad_tensors is not None:
        raise GradError(
            "`grad_tensors` and `grad_variables` (deprecated) arguments both passed to `backward()`. Please only use "
            "`grad_tensors`."
        )
    return grad_variables


def grad(
    outputs: Tensor | Sequence[Tensor],
    inputs: Tensor | Sequence[Tensor],
    grad_outputs: Tensor | Sequence[Tensor | None] | None = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    only_inputs: bool = True,
    allow_unused: bool | None = None,
    is_grads_batched: bool = False,
    materialize_grads: bool = False,
) -> tuple[Tensor | None, ...]:
    """The gradients of ``outputs`` with respect to ``inputs``, without touching any ``.grad``.

    Σ over outputs of (∂output/∂input)ᵀ · grad_output, one tensor for each input, of its shape and type.

    Args:
        outputs, inputs: the tensors; every input must require a gradient.
        grad_outputs: ∂L/∂output for each output; may be None for outputs of one element.
        retain_graph, create_graph: as for :func:`backward`.
        only_inputs: deprecated; gradients are computed for the inputs alone.
        allow_unused: give None for an input that no output depends on, instead of raising.
        is_grads_batched: each ``grad_outputs`` has one more, leading dimension: one gradient is computed for each
            slice and the results are stacked.
        materialize_grads: give zeros instead of None.

    Raises:
        GradError: as :func:`backward`, or an input is not used and ``allow_unused`` is false.
    """
    outs, targets = _as_tuple(outputs), _as_tuple(inputs)
    if materialize_grads and allow_unused is False:
        raise ArgumentError(
            "Expected allow_unused to be True or not passed when materialize_grads=True, but got: False."
        )
    if not only_inputs:
        warnings.warn(
            "only_inputs argument is deprecated and is ignored now (defaults to True). To accumulate gradient for "
            "other parts of the graph, please use lepton.autograd.backward.",
            FutureWarning,
            stacklevel=2,
        )
    for each in targets:
        _check_requires_grad(each, "One of the differentiated Tensors does not require grad")
    keep = create_graph if retain_graph is None else retain_graph
    if is_grads_batched:
        found: Sequence[Any] = _batched(outs, targets, grad_outputs, keep, create_graph)
    else:
        found = run(outs, _gradients_for(outs, grad_outputs, create_graph), keep, create_graph, targets)
    results: list[Tensor | None] = []
    for index, (target, gradient) in enumerate(zip(targets, found, strict=True)):
        if gradient is None:
            if not (allow_unused or materialize_grads):
                raise GradError(
                    f"One of the differentiated Tensors (input {index}, shape {list(target.shape)}) appears to not "
                    "have been used in the graph. Set allow_unused=True if this is the desired behavior."
                )
            gradient = Tensor(xp(target._data).zeros_like(target._data)) if materialize_grads else None
        elif not isinstance(gradient, Tensor):
            gradient = Tensor(_own_copy(gradient))
        results.append(gradient)
    return tuple(results)


# ---------------------------------------------------------------------- the walk


class _Run:
    """One backward: what is pending, and what is to be caught on the way.

    ``pending`` maps an op (with several outputs: to a list) or a leaf to its gradient so far; ``owned`` names those
    whose array belongs to this run alone and may be added to in place.
    """

    __slots__ = ("pending", "owned", "counts", "claimed", "create_graph", "captures", "useful", "__weakref__")

    def __init__(self, create_graph: bool) -> None:
        self.pending: dict[Any, Any] = {}
        self.owned: set[Any] = set()
        self.counts: dict[Any, int] = {}
        self.claimed: dict[Op, Any] = {}
        self.create_graph = create_graph
        self.captures: dict[Any, list[tuple[int, int]]] | None = None
        self.useful: set[Any] | None = None


def run(
    outputs: tuple[Tensor, ...],
    gradients: list[Any],
    retain_graph: bool,
    create_graph: bool,
    targets: tuple[Tensor, ...] | None = None,
) -> list[Any]:
    """Walk the graph. Without ``targets`` accumulate into the leaves; with them return their gradients."""
    work = _Run(create_graph)
    edges = [tensor._target() for tensor in outputs]
    roots = [edge[0] if type(edge) is tuple else edge for edge in edges]
    found: list[Any] = []
    if targets is not None:
        found = [None] * len(targets)
        _aim(work, roots, targets)
    _count(work, roots, retain_graph)
    for edge, gradient in zip(edges, gradients, strict=True):
        if type(edge) is tuple:
            if edge[0] in work.counts:
                _add_to_output(work.pending, edge[0], edge[1], gradient)
        elif edge in work.counts:
            if edge in work.pending:
                _sum_up(work, edge, gradient)
            else:
                work.pending[edge] = gradient
    state = (STATE.grad_enabled, STATE.inference, STATE.run)
    STATE.grad_enabled, STATE.inference, STATE.run = create_graph, False, work
    token = silence()
    try:
        _walk(work, roots, found)
    finally:
        restore(token)
        STATE.grad_enabled, STATE.inference, STATE.run = state
        for node, saved in work.claimed.items():  # ops that an exception kept from running can still be used
            node.saved = saved
    return found


def _aim(work: _Run, roots: list[Any], targets: tuple[Tensor, ...]) -> None:
    """Note which gradients to catch, and which ops lie on the way to them."""
    captures: dict[Any, list[tuple[int, int]]] = {}
    for place, tensor in enumerate(targets):
        edge = tensor._target()
        node, index = edge if type(edge) is tuple else (edge, 0)
        captures.setdefault(node, []).append((index, place))
    useful: set[Any] = set(captures)
    entered: set[Any] = set()
    stack = list(roots)
    while stack:  # a node is looked at twice: on the way down, and after everything below it
        node = stack.pop()
        if isinstance(node, Tensor):
            continue
        below = [each[0] if type(each) is tuple else each for each in node.edges if each is not None]
        if node in entered:
            if any(each in useful for each in below):
                useful.add(node)
            continue
        entered.add(node)
        stack.append(node)
        stack.extend([each for each in below if each not in entered])
    work.captures, work.useful = captures, useful


def _count(work: _Run, roots: list[Any], retain_graph: bool) -> None:
    """Count each op's uses below the roots and claim what the ops saved; nothing changes if one was used already."""
    counts, claimed, useful = work.counts, work.claimed, work.useful
    with _claiming:
        stack = []
        for root in roots:
            if root not in counts and (useful is None or root in useful):
                counts[root] = 0
                stack.append(root)
        while stack:
            node = stack.pop()
            if isinstance(node, Tensor):
                continue
            saved = node.saved
            if saved is FREED:
                raise GradError(
                    "Trying to backward through the graph a second time (or directly access saved tensors after they "
                    f"have already been freed), at {node.name()}. Saved intermediate values of the graph are freed "
                    "when you call .backward() or autograd.grad(). Specify retain_graph=True if you need to backward "
                    "through the graph a second time or if you need to access saved tensors after calling backward."
                )
            if saved:
                claimed[node] = saved
            for edge in node.edges:
                if edge is None:
                    continue
                if type(edge) is tuple:
                    edge = edge[0]
                if edge in counts:
                    counts[edge] += 1
                elif useful is None or edge in useful:
                    counts[edge] = 1
                    stack.append(edge)
        if retain_graph:
            claimed.clear()
        else:
            for node in claimed:
                node.saved = FREED


def _walk(work: _Run, roots: list[Any], found: list[Any]) -> None:
    counts, pending, claimed, captures = work.counts, work.pending, work.claimed, work.captures
    ready = [root for root in dict.fromkeys(roots) if counts.get(root) == 0]
    while ready:
        node = ready.pop()
        g = pending.pop(node, None)
        if isinstance(node, Tensor):
            if g is not None:
                _finish_leaf(work, node, g, node in work.owned, found)
            continue
        saved = claimed.get(node)
        if g is None:
            results: Any = (None,) * len(node.edges)
            values: Any = ()
        else:
            if isinstance(g, np.generic):  # what NumPy makes of 0-d arrays
                g = np.asarray(g)
            if node.watch is not None:
                g = _apply_watch(node, g, work.create_graph)
            if captures is not None:
                for index, place in captures.get(node, ()):
                    found[place] = g[index] if node.several else g
            values, results = _run_rule(work, node, g, node.saved if saved is None else saved)
        if saved is not None:
            del claimed[node]
        _hand_on(work, node, g, values, results, ready, found)
        g = saved = values = results = None  # nothing outlives its use while the next rule runs


def _hand_on(
    work: _Run, node: Op, g: Any, values: Any, results: tuple[Any, ...], ready: list[Any], found: list[Any]
) -> None:
    """Give a rule's results to the inputs' edges; what has now been used for the last time is ready."""
    counts, pending = work.counts, work.pending
    for edge, result in zip(node.edges, results, strict=False):
        if edge is None:
            continue
        target = edge[0] if type(edge) is tuple else edge
        left = counts.get(target)
        if left is None:
            continue
        counts[target] = left - 1
        if result is None:
            pass
        elif target is not edge:
            _add_to_output(pending, target, edge[1], result)
        elif target in pending:
            _sum_up(work, target, result)
        elif left == 1 and isinstance(target, Tensor):  # the usual leaf: used once, final at once
            owned = not node.may_alias and _is_fresh(result, g, values, results)
            _finish_leaf(work, target, result, owned, found)
            continue
        else:
            pending[target] = result
        if left == 1:
            ready.append(target)


def _run_rule(work: _Run, node: Op, g: Any, saved: Any) -> tuple[Any, Any]:
    """Run one op's rule: the saved values, and a gradient (or None) for each input."""
    runner = node
    if work.useful is not None:
        wanted = tuple([e is not None and (e[0] if type(e) is tuple else e) in work.useful for e in node.edges])
        if True not in wanted:
            return (), (None,) * len(wanted)
        if wanted != node.needs:
            runner = node.narrowed(wanted)
    try:
        values: Any = ()
        if saved:
            values = runner.rebuild(saved) if work.create_graph else runner.unpack(saved)
        results = runner.backward(g, *values)
    except Exception as error:
        _show_forward(node, error)
        raise
    if type(results) is not tuple:
        results = (results,)
    if node.restores and node.restore is not None:  # type: ignore[attr-defined]
        results = restored(results, node.restore)  # type: ignore[attr-defined]
    if STATE.anomaly and STATE.anomaly_check_nan:
        _check_for_nan(node, g, results)
    return values, results


def _is_fresh(result: Any, g: Any, values: list[Any], results: tuple[Any, ...]) -> bool:
    """Whether nobody else sees an array that a rule returned: it is no view, did not come in, was not kept."""
    if result is g or type(result) is not np.ndarray or result.base is not None:
        return False
    for value in values:
        if value is result:
            return False
    if type(g) is list:
        for value in g:
            if value is result:
                return False
    times = 0
    for value in results:
        if value is result:
            times += 1
    return times == 1


def _sum_up(work: _Run, target: Any, g: Any) -> None:
    """Add to what is pending: the first time out of place, since a rule made that array, later in place."""
    held = work.pending[target]
    if work.create_graph:
        held = held + g
    elif target in work.owned:
        held = accumulate(held, g)
    else:
        held = add(held, g)
        if isinstance(held, np.generic):  # what NumPy makes of 0-d arrays
            held = np.asarray(held)
        work.owned.add(target)
    work.pending[target] = held


def _add_to_output(pending: dict[Any, Any], node: Op, index: int, g: Any) -> None:
    """Add to what is pending at one output of an op that has several."""
    slots = pending.setdefault(node, [])
    while len(slots) <= index:
        slots.append(None)
    g = g if slots[index] is None else slots[index] + g
    slots[index] = np.asarray(g) if isinstance(g, np.generic) else g


def restored(results: tuple[Any, ...], restores: tuple[Any, ...]) -> tuple[Any, ...]:
    """Gradients of broadcast or promoted inputs, summed back to each input's shape and cast to its type."""
    back = []
    for g, own in zip(results, restores, strict=True):
        if g is not None and own is not None:
            shape, array_type = own
            data = data_of(g)
            if data.shape != shape:
                g = SumTo.on(g, shape=shape)
            if data.dtype != array_type:
                g = Cast.on(g, target=array_type)
        back.append(g)
    return tuple(back)


# ---------------------------------------------------------------------- leaves and hooks


def _finish_leaf(work: _Run, leaf: Tensor, g: Any, owned: bool, found: list[Any]) -> None:
    """A leaf's gradient is final: call its hooks, then catch it or accumulate it."""
    hooks = leaf._hooks
    if hooks is not None and hooks.gradient:
        g, owned = _call_hooks(hooks.gradient, g, work.create_graph), False
    if work.captures is not None:
        for _, place in work.captures.get(leaf, ()):
            found[place] = g
        return
    _add_to_grad(leaf, g, owned, work.create_graph)
    if hooks is not None:
        for hook in list(hooks.accumulated.values()):
            hook(leaf)


def _add_to_grad(leaf: Tensor, g: Any, owned: bool, create_graph: bool) -> None:
    """Accumulate into ``.grad``, which never aliases another gradient, a saved array or a read-only broadcast."""
    with _accumulating:  # several threads may share a leaf, and none of their gradients is to be lost
        held = leaf._grad
        if isinstance(g, Tensor):
            if create_graph:
                leaf._grad = g.clone() if held is None else held + g
                return
            g, owned = g._data, False
        if held is None:
            leaf._grad = Tensor(g if owned else _own_copy(g))
        elif held._needs:
            leaf._grad = Tensor(as_array(held._data + g))
        else:
            held._data = accumulate(held._data, g)
            if held._cell is not None:
                held._cell[0] += 1


def _own_copy(array: Any) -> Any:
    return xp(array).array(array, copy=True, order="C")


def _call_hooks(hooks: dict[int, Callable[[Any], Any]], g: Any, create_graph: bool) -> Any:
    """Show a gradient to hooks as a Tensor; what one returns takes the gradient's place."""
    shown = g if isinstance(g, Tensor) else Tensor(_own_copy(g))
    for hook in list(hooks.values()):
        answer = hook(shown)
        if answer is None:
            continue
        if not isinstance(answer, Tensor):
            raise ArgumentTypeError(f"hook {hook!r} must return None or a Tensor, not {type(answer).__name__}")
        if answer._data.shape != shown._data.shape:
            raise ShapeError(
                f"hook {hook!r} has changed the size of value: from {list(shown.shape)} to {list(answer.shape)}"
            )
        shown = answer
    return shown if create_graph else shown._data


def _apply_watch(node: Op, g: Any, create_graph: bool) -> Any:
    watch = node.watch
    assert watch is not None
    slots = list(g) if node.several else [g]
    for index, held in enumerate(slots):
        if held is None:
            continue
        if index in watch.gradient:
            held = slots[index] = _call_hooks(watch.gradient[index], held, create_graph)
        keeper = watch.retained[index]() if index in watch.retained else None
        if keeper is not None:
            _add_to_grad(keeper, held, False, create_graph)
    return slots if node.several else slots[0]


# ---------------------------------------------------------------------- arguments


def _as_tuple(tensors: Any) -> tuple[Tensor, ...]:
    made = (tensors,) if isinstance(tensors, Tensor) else tuple(tensors)
    for each in made:
        if not isinstance(each, Tensor):
            raise ArgumentTypeError(f"expected a Tensor or a sequence of Tensors, got {type(each).__name__} in it")
        each._sync()
    return made


def _check_requires_grad(tensor: Tensor, message: str) -> None:
    if not tensor.requires_grad:
        raise GradError(f"{message}: it has shape {list(tensor.shape)}; call requires_grad_() on it before using it")


def _gradients_for(outputs: tuple[Tensor, ...], given: Any, create_graph: bool) -> list[Any]:
    """The gradient to begin with for each output: the given one, checked, or 1 for a single element."""
    listed = [given] * len(outputs) if given is None else [given] if isinstance(given, Tensor) else list(given)
    if len(listed) != len(outputs):
        raise GradError(f"got {len(outputs)} tensors and {len(listed)} gradients")
    return [_gradient_for(out, each, create_graph) for out, each in zip(outputs, listed, strict=True)]


def _gradient_for(output: Tensor, given: Any, create_graph: bool) -> Any:
    if not output._needs:
        raise GradError(
            "element 0 of tensors does not require grad and does not have a grad_fn: none of the tensors that it was "
            "computed from has requires_grad=True, or it was computed under no_grad()"
        )
    data = output._data
    if given is None:
        if data.size != 1:
            raise GradError(
                "grad can be implicitly created only for scalar outputs; this one has shape "
                f"{list(output.shape)}: reduce it (for instance .sum()), or pass its gradient"
            )
        ones = xp(data).ones_like(data)
        return Tensor(ones) if create_graph else ones
    if not isinstance(given, Tensor):
        raise ArgumentTypeError(f"gradients can be either Tensors or None, but got {type(given).__name__}")
    if given._data.shape != data.shape:
        raise ShapeError(
            f"Mismatch in shape: grad_output[0] has a shape of {list(given.shape)} and output[0] has a shape of "
            f"{list(output.shape)}."
        )
    if given._data.dtype != data.dtype:
        return Cast.on(given if create_graph else given._data, target=data.dtype)
    return given if create_graph else given._data


def _batched(outs: tuple[Tensor, ...], targets: tuple[Tensor, ...], given: Any, keep: bool, create: bool) -> list[Any]:
    rows = [given] if isinstance(given, Tensor) else list(given or ())
    if not rows or any(row is None for row in rows):
        raise GradError("is_grads_batched=True needs a batched gradient for every output")
    size = rows[0]._data.shape[0]
    per_slice = []
    for place in range(size):
        slices = [row[place] for row in rows]
        last = place == size - 1
        per_slice.append(run(outs, _gradients_for(outs, slices, create), keep or not last, create, targets))
    return [_stacked(column) for column in zip(*per_slice, strict=True)]


def _stacked(column: tuple[Any, ...]) -> Any:
    if any(each is None for each in column):
        return None
    return Stack.on(*column, dim=0)


# ---------------------------------------------------------------------- anomalies


def _show_forward(node: Op, error: Exception) -> None:
    lines = FORWARD_LINES.get(node)
    if lines:
        error.add_note(f"Error detected in {node.name()}. Traceback of forward call that caused the error:\n{lines}")


def _check_for_nan(node: Op, g: Any, results: tuple[Any, ...]) -> None:
    for index, result in enumerate(results):
        if result is None or not _has_nan(result):
            continue
        if any(_has_nan(each) for each in (g if type(g) is list else [g]) if each is not None):
            return
        raise AnomalyError(
            f"Function '{node.name()}' returned nan values in its {index}th output. "
            f"Traceback of forward call that caused the error:\n{FORWARD_LINES.get(node, '(not recorded)')}"
        )


def _has_nan(value: Any) -> bool:
    data = as_array(data_of(value))
    return bool(xp(data).isnan(data).any())
