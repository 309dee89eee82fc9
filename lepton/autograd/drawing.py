"""A picture of the recorded graph: each op with its formula, what it gave, and which tensors it keeps for backward."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from html import escape
from pathlib import Path
from typing import Any

import numpy as np

from lepton.autograd.engine import restored
from lepton.autograd.op import Op
from lepton.autograd.saving import FREED
from lepton.autograd.state import no_grad
from lepton.autograd.tensor import Tensor
from lepton.backend import dtypes
from lepton.backend.devices import is_array, xp
from lepton.backend.floats import restore, silence
from lepton.errors import ArgumentTypeError, GradError

_CHARACTER, _LINE, _PADDING, _GAP_X, _GAP_Y = 6.7, 15, 9, 26, 46
_STYLE = (
    "text{font:11px ui-monospace,Menlo,Consolas,monospace;fill:#1b1f24}.title{font-weight:bold}"
    ".kept{fill:#9a4a00}.gives{fill:#0a558c}.edge{fill:none;stroke:#8c959f;stroke-width:1.2}"
)
_FILLS = {"leaf": "#dafbe1", "op": "#f6f8fa", "result": "#ddf4ff"}


class Drawing:
    """The picture: notebooks show it, ``str(drawing)`` is its SVG text, ``save(path)`` writes it."""

    def __init__(self, svg: str) -> None:
        self.svg = svg

    def _repr_svg_(self) -> str:
        return self.svg

    def __str__(self) -> str:
        return self.svg

    def save(self, path: str | Path) -> None:
        """Write the SVG to a file."""
        Path(path).write_text(self.svg, encoding="utf-8")


def draw(tensor: Tensor, params: Mapping[str, Tensor] | Iterable[tuple[str, Tensor]] = ()) -> Drawing:
    """Draw the graph that computed ``tensor``, leaves at the top, the result at the bottom.

    Every op shows its name, its formula, the shape and type of what it gave, and the tensors that it keeps for
    backward. Shapes are found by a trial backward with zeros, which changes nothing and calls no hook; a graph that
    was already used and freed is drawn without them.

    Args:
        tensor: a result that requires a gradient.
        params: names for leaves, for instance ``model.named_parameters()``.

    Raises:
        GradError: no graph was recorded for ``tensor``.
    """
    if not isinstance(tensor, Tensor):
        raise ArgumentTypeError(f"draw() expects a Tensor, not {type(tensor).__name__}")
    root = tensor.grad_fn
    if root is None:
        raise GradError("there is nothing to draw: the tensor is a leaf, or was computed without recording")
    named = dict(params.items() if isinstance(params, Mapping) else params)
    names = {id(each): name for name, each in named.items()}
    order = _from_root(root)
    given = _given(order, root, tensor)
    boxes = {node: _Box(node, node is root, given.get(node), names) for node in order}
    return Drawing(_svg(_placed(order, boxes)))


def _below(node: Any) -> list[Any]:
    if isinstance(node, Tensor):
        return []
    return [each[0] if type(each) is tuple else each for each in node.edges if each is not None]


def _from_root(root: Op) -> list[Any]:
    """All ops and leaves, each before everything that it was computed from."""
    uses: dict[Any, int] = {root: 0}
    stack: list[Any] = [root]
    while stack:
        for each in _below(stack.pop()):
            if each not in uses:
                uses[each] = 0
                stack.append(each)
            uses[each] += 1
    order, ready = [], [root]
    while ready:
        node = ready.pop()
        order.append(node)
        for each in _below(node):
            uses[each] -= 1
            if uses[each] == 0:
                ready.append(each)
    return order


def _given(order: list[Any], root: Op, tensor: Tensor) -> dict[Any, list[Any]]:
    """For each op the arrays' (shape, NumPy dtype) that it gave: those of its gradients in a trial backward."""
    found: dict[Any, list[Any]] = {}
    data = tensor._data
    _note(found, root if not root.several else (root, tensor.output_nr), data)
    token = silence()
    try:
        with no_grad():
            for node in order:
                if isinstance(node, Tensor):
                    found[node] = [(node._data.shape, node._data.dtype)]
                elif node in found:
                    for edge, result in zip(node.edges, _trial(node, found[node], xp(data)), strict=False):
                        if edge is not None and result is not None:
                            _note(found, edge, result)
    finally:
        restore(token)
    return found


def _note(found: dict[Any, list[Any]], edge: Any, array: Any) -> None:
    node, index = edge if type(edge) is tuple else (edge, 0)
    slots = found.setdefault(node, [])
    slots.extend([None] * (index + 1 - len(slots)))
    slots[index] = (array.shape, array.dtype)


def _trial(node: Op, given: list[Any], module: Any) -> tuple[Any, ...]:
    own = getattr(node, "metas", None)
    if own is not None:  # a user's Function: its inputs' shapes are known without running its code
        return tuple([module.zeros(shape, kind) for shape, kind in node.restore])  # type: ignore[attr-defined]
    if node.saved is FREED or any(isinstance(entry[1], list) and entry[1][0] != entry[2] for entry in node.saved or ()):
        return ()
    zeros = [None if each is None else module.zeros(*each) for each in given]
    results = node.backward(zeros if node.several else zeros[0], *node.unpack(node.saved or ()))
    results = results if type(results) is tuple else (results,)
    return restored(results, node.restore) if node.restores and node.restore is not None else results  # type: ignore[attr-defined]


class _Box:
    """One op or leaf in the picture."""

    def __init__(self, node: Any, is_result: bool, given: list[Any] | None, names: dict[int, str]) -> None:
        self.node = node
        self.kind = "leaf" if isinstance(node, Tensor) else "result" if is_result else "op"
        self.lines = self._leaf_lines(node, names) if self.kind == "leaf" else self._op_lines(node, given)
        self.width = max(len(text) for _, text in self.lines) * _CHARACTER + 2 * _PADDING
        self.height = len(self.lines) * _LINE + 2 * _PADDING
        self.x = self.y = 0.0

    @staticmethod
    def _leaf_lines(leaf: Tensor, names: dict[int, str]) -> list[tuple[str, str]]:
        name = names.get(id(leaf), "leaf")
        return [("title", name), ("gives", _described(leaf._data.shape, leaf._data.dtype))]

    @staticmethod
    def _op_lines(node: Op, given: list[Any] | None) -> list[tuple[str, str]]:
        lines = [("title", node.name().removesuffix("Backward0"))]
        formula = formula_of(type(node))
        if formula:
            lines.append(("", formula[0]))
        for each in given or []:
            if each is not None:
                lines.append(("gives", f"gives {_described(*each)}"))
        if node.saved is FREED:
            lines.append(("kept", "kept tensors: freed by backward"))
        else:
            names = list(node.saves) or [f"saved {i}" for i in range(len(node.saved or ()))]
            for name, entry in zip(names, node.saved or (), strict=False):
                if is_array(entry[0]):
                    lines.append(("kept", f"keeps {name} {_described(entry[0].shape, entry[0].dtype)}"))
        return lines


def formula_of(op: type[Op]) -> tuple[str, str] | None:
    """An op's formula and derivative, the two halves of its docstring's first paragraph; None if it has none."""
    text = " ".join((op.__dict__.get("__doc__") or "").split("\n\n")[0].split("\n"))
    formula, gap, derivative = text.partition("     ")
    return (formula.strip(), " ".join(derivative.split())) if gap else None


def _described(shape: tuple[int, ...], kind: np.dtype[Any]) -> str:
    return f"{list(shape)} {dtypes.of(kind).name}"


def _placed(order: list[Any], boxes: dict[Any, _Box]) -> list[_Box]:
    """Put every box into the layer below its inputs, and within a layer near its neighbours."""
    level: dict[Any, int] = {}
    for node in reversed(order):
        level[node] = 1 + max((level[each] for each in _below(node)), default=-1)
    users: dict[Any, list[Any]] = {}
    for node in order:
        for each in _below(node):
            users.setdefault(each, []).append(node)
    for node in order:
        if isinstance(node, Tensor):  # a leaf stands just above its first use
            level[node] = min(level[user] for user in users[node]) - 1
    layers: dict[int, list[Any]] = {}
    for node in reversed(order):
        layers.setdefault(level[node], []).append(node)
    rows = [layers[key] for key in sorted(layers)]
    _untangle(rows, users)
    _set_positions([[boxes[node] for node in row] for row in rows])
    return [boxes[node] for row in rows for node in row]


def _untangle(rows: list[list[Any]], users: dict[Any, list[Any]]) -> None:
    """Order each row by the mean place of its neighbours, some sweeps down and up."""
    place = {node: index for row in rows for index, node in enumerate(row)}
    for sweep in range(4):
        for row in rows if sweep % 2 == 0 else reversed(rows):
            def mean(node: Any, down: bool = sweep % 2 == 0) -> float:
                near = _below(node) if down else users.get(node, [])
                return sum(place[each] for each in near) / len(near) if near else place[node]

            row.sort(key=mean)
            place.update({node: index for index, node in enumerate(row)})


def _set_positions(rows: list[list[_Box]]) -> None:
    widths = [sum(box.width for box in row) + _GAP_X * (len(row) - 1) for row in rows]
    y = float(_PADDING)
    for row, width in zip(rows, widths, strict=True):
        x = _PADDING + (max(widths) - width) / 2
        for box in row:
            box.x, box.y = x, y
            x += box.width + _GAP_X
        y += max(box.height for box in row) + _GAP_Y


def _svg(boxes: list[_Box]) -> str:
    by_node = {box.node: box for box in boxes}
    width = max(box.x + box.width for box in boxes) + _PADDING
    height = max(box.y + box.height for box in boxes) + _PADDING
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{height:.0f}" '
        f'viewBox="0 0 {width:.0f} {height:.0f}" role="img"><style>{_STYLE}</style>'
        '<defs><marker id="arrow" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
        '<path d="M0 0 8 4 0 8z" fill="#8c959f"/></marker></defs>'
    ]
    for box in boxes:
        for each in _below(box.node):
            parts.append(_arrow(by_node[each], box))
    parts.extend(_drawn(box) for box in boxes)
    return "".join(parts) + "</svg>"


def _arrow(above: _Box, below: _Box) -> str:
    x1, y1 = above.x + above.width / 2, above.y + above.height
    x2, y2 = below.x + below.width / 2, below.y
    bend = (y2 - y1) / 2
    return (
        f'<path class="edge" marker-end="url(#arrow)" d="M{x1:.1f} {y1:.1f}C{x1:.1f} {y1 + bend:.1f} '
        f'{x2:.1f} {y2 - bend:.1f} {x2:.1f} {y2:.1f}"/>'
    )


def _drawn(box: _Box) -> str:
    radius = 14 if box.kind == "leaf" else 4
    parts = [
        f'<rect x="{box.x:.1f}" y="{box.y:.1f}" width="{box.width:.1f}" height="{box.height:.1f}" rx="{radius}" '
        f'fill="{_FILLS[box.kind]}" stroke="#8c959f"/>'
    ]
    for index, (style, text) in enumerate(box.lines):
        y = box.y + _PADDING + (index + 0.75) * _LINE
        parts.append(f'<text class="{style}" x="{box.x + _PADDING:.1f}" y="{y:.1f}">{escape(text)}</text>')
    return "".join(parts)


__all__ = ["Drawing", "draw", "formula_of"]
