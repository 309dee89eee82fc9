"""Entries of recurrent layers and cells, and of ``nn.utils.rnn``."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st

from tests.table._families import fixed
from tests.table._format import Call, Const, Entry, Make, entry
from tests.table._strategies import Array, Draw, real, shapes, values_in

LENGTHS = (3, 3, 1)


def on(*shape: int, seed: int = 0) -> Array:
    """An input or a state."""
    return fixed(real, shape, seed=seed)


def packed(array: Array, lengths: tuple[int, ...] = LENGTHS, **settings: Any) -> Make:
    """An input packed by each framework."""
    return Make(lambda lib, x: lib.nn.utils.rnn.pack_padded_sequence(x, list(lengths), **settings), (array,))


def opened(out: Any) -> Any:
    """Results with their packed sequences taken apart; ``batch_sizes``, which are on the CPU always, as numbers."""
    if hasattr(out, "batch_sizes"):
        return (out.data, out.batch_sizes.tolist(), out.sorted_indices, out.unsorted_indices)
    return tuple([opened(each) for each in out]) if isinstance(out, (tuple, list)) else out


# ---------------------------------------------------------------------- layers


def layer(name: str, pair: bool, *cases: Call, values: tuple[Call, ...] = (), wrong: tuple[Any, ...] = ()) -> Entry:
    """A recurrent layer with what all of them have; ``pair``: its state is (h, c). ``wrong`` are further refusals."""
    x = on(3, 2, 3)

    def state(rows: int, *batch: int, width: int = 2) -> Any:
        both = on(rows, *batch, width, seed=1), on(rows, *batch, 2, seed=2)
        return both if pair else both[0]

    common = (
        Call(3, 2).on(on(2, 3), state(1)),
        Call(3, 2, batch_first=True, bias=False).on(on(2, 3, 3)),
        Call(3, 2, bidirectional=True).on(packed(on(3, 3, 3), (1, 3, 2), enforce_sorted=False), state(2, 3)),
    )
    further = (
        Call(3, 2).on(x, state(1, 2)),
        Call(3, 2).on(on(3, 3)),
        Call(3, 2, batch_first=True).on(on(3, 3), state(1)),
        Call(3, 2, 2, bidirectional=True).on(x, state(4, 2)),
        Call(3, 2, num_layers=3).on(on(1, 2, 3)),
        Call(3, 2).on(packed(on(3, 3, 3))),
        Call(3, 2, 2, bidirectional=True).on(packed(on(4, 3, 3), (4, 4, 1)), state(4, 3)),
        Call(3, 2, 2, dropout=1.0).on(x).tagged("nothing gets through"),
        Call(3, 2).on(on(3, 0, 3)).tagged("empty batch"),
    )
    refused = (
        (Call(0, 2).on(x), ValueError),
        (Call(3, 0).on(x), ValueError),
        (Call(3.0, 2).on(x), TypeError),
        (Call(3, "2").on(x), TypeError),
        (Call(3, 2, num_layers=0).on(x), ValueError),
        (Call(3, 2, bias=1).on(x), TypeError),
        (Call(3, 2, batch_first=0).on(x), TypeError),
        (Call(3, 2, num_layers=2, dropout=1.5).on(x), ValueError),
        (Call(3, 2, num_layers=2, dropout=True).on(x), ValueError),
        (Call(3, 2).on(on(3)), ValueError),
        (Call(3, 2).on(on(1, 3, 2, 3)), ValueError),
        (Call(3, 2).on(x.astype("float32")), ValueError),
        (Call(3, 2).on(np.ones((3, 2, 3), int)), ValueError),
        (Call(4, 2).on(x), RuntimeError),
        (Call(3, 2).on(on(0, 2, 3)), RuntimeError),
        (Call(3, 2).on(x, state(1, 3)), RuntimeError),
        (Call(3, 2).on(x, state(2, 2)), RuntimeError),
        (Call(3, 2).on(x, state(1)), RuntimeError),
        (Call(3, 2).on(on(3, 3), state(1, 2)), RuntimeError),
        (Call(3, 2).on(packed(on(3, 3, 2))), RuntimeError),
        (Call(3, 2).on(packed(on(3, 3))), RuntimeError),
        (Call(3, 2).on(packed(on(3, 3, 3)), state(1, 2)), RuntimeError),
        *wrong,
    )
    return entry(
        f"nn.{name}",
        *common,
        *cases,
        draw=drawn(pair),
        values=(*further, *values),
        errors=refused,
        outputs=opened,
        covers=("nn.RNNBase",) if name == "RNN" else (),
    )


@st.composite
def drawn(draw: Draw, pair: bool) -> Call:
    """A layer of any size with any settings, and sequences of different lengths or of one."""
    inputs, hidden, layers, batch, longest = [draw(st.integers(1, most)) for most in (3, 3, 2, 3, 4)]
    settings = {name: draw(st.booleans()) for name in ("bias", "batch_first", "bidirectional")}
    lengths = draw(st.lists(st.integers(1, longest), min_size=batch, max_size=batch))
    shape = (batch, longest) if settings["batch_first"] else (longest, batch)
    x: Any = values_in(draw, real, (*shape, inputs))
    if draw(st.booleans()):
        x = packed(x, tuple(lengths), batch_first=settings["batch_first"], enforce_sorted=False)
    states = [values_in(draw, real, (layers * (1 + settings["bidirectional"]), batch, hidden)) for _ in range(1 + pair)]
    call = Call(inputs, hidden, layers, **settings)
    if draw(st.booleans()):
        return call.on(x)
    return call.on(x, tuple(states) if pair else states[0])


X = on(3, 2, 3)
LAYERS = [
    layer(
        "RNN",
        False,
        Call(3, 2, 1, "relu").on(on(2, 2, 3), on(1, 2, 2, seed=1)),
        values=(Call(3, 2, 2, nonlinearity="relu", bidirectional=True).on(packed(on(3, 3, 3))),),
        wrong=(
            (Call(3, 2, nonlinearity="selu").on(X), ValueError),
            (Call(3, 2, proj_size=1).on(X), ValueError),
        ),
    ),
    layer(
        "LSTM",
        True,
        Call(3, 3, bias=False, bidirectional=True, proj_size=1).on(packed(on(2, 2, 3), (1, 2), enforce_sorted=False)),
        values=(
            Call(3, 3, 2, bidirectional=True, proj_size=2).on(X, (on(4, 2, 2, seed=1), on(4, 2, 3, seed=2))),
            Call(3, 2).on(X, [on(1, 2, 2, seed=1), on(1, 2, 2, seed=2)]).tagged("a list of states"),
        ),
        wrong=(
            (Call(3, 2, proj_size=2).on(X), ValueError),
            (Call(3, 2, proj_size=-1).on(X), ValueError),
            (Call(3, 3, proj_size=2).on(X, (on(1, 2, 3), on(1, 2, 3))), RuntimeError),
            (Call(3, 2).on(X, (on(1, 2, 2), on(1, 2, 3))), RuntimeError),
            (Call(3, 2).on(X, (on(1, 2, 2), on(2, 2))), RuntimeError),
        ),
    ),
    layer("GRU", False, wrong=((Call(3, 2, proj_size=1).on(X), ValueError),)),
]  # fmt: skip


# ---------------------------------------------------------------------- cells


def cell(name: str, pair: bool, *cases: Call, wrong: tuple[Any, ...] = ()) -> Entry:
    """One step of a recurrent layer."""

    def state(*shape: int) -> Any:
        return (on(*shape, seed=1), on(*shape, seed=2)) if pair else on(*shape, seed=1)

    @st.composite
    def calls(draw: Draw) -> Call:
        inputs, hidden = draw(st.integers(1, 3)), draw(st.integers(1, 3))
        batch = draw(shapes(0, 1, 1, 3))
        states = [values_in(draw, real, (*batch, hidden)) for _ in range(1 + pair)]
        call = Call(inputs, hidden, draw(st.booleans()))
        x = values_in(draw, real, (*batch, inputs))
        return call.on(x, tuple(states) if pair else states[0]) if draw(st.booleans()) else call.on(x)

    return entry(
        f"nn.{name}",
        Call(3, 2).on(on(4, 3)),
        Call(3, 2).on(on(4, 3), state(4, 2)),
        Call(3, 2).on(on(3)),
        Call(3, 2, bias=False).on(on(3), state(2)),
        *cases,
        draw=calls(),
        values=[Call(3, 2).on(on(0, 3)).tagged("empty batch"), Call(3, 0).on(on(4, 3)).tagged("no units")],
        errors=[
            (Call(3, 2).on(on()), ValueError),
            (Call(3, 2).on(on(1, 4, 3)), ValueError),
            (Call(3, 2).on(on(4, 3), state(1, 4, 2)), ValueError),
            (Call(4, 2).on(on(4, 3)), RuntimeError),
            (Call(3, 2).on(on(4, 3), state(4, 3)), RuntimeError),
            (Call(3, 2).on(on(4, 3), state(3, 2)), RuntimeError),
            (Call(3, 2).on(on(4, 3), state(2)), RuntimeError),
            (Call(3, 2).on(on(3), state(1, 2)), RuntimeError),
            (Call(3, 2).on(on(4, 3).astype("float32")), RuntimeError),
            (Call(3, 2).on(np.ones((4, 3), int)), RuntimeError),
            (Call(3, -1).on(on(4, 3)), RuntimeError),
            *wrong,
        ],
        covers=("nn.RNNCellBase",) if name == "RNNCell" else (),
    )


CELLS = [
    cell(
        "RNNCell",
        False,
        Call(3, 2, nonlinearity="relu").on(on(4, 3), on(4, 2, seed=1)),
        wrong=((Call(3, 2, nonlinearity="selu").on(on(4, 3)), RuntimeError),),
    ),
    cell("LSTMCell", True),
    cell("GRUCell", False),
]


# ---------------------------------------------------------------------- nn.utils.rnn


def utility(name: str, *cases: Call, **claims: Any) -> Entry:
    """A function of ``nn.utils.rnn``."""
    return entry(f"nn.utils.rnn.{name}", *cases, **{"outputs": opened, **claims})


def lengthy(*lengths: int, rest: tuple[int, ...] = (2,)) -> list[Array]:
    """Sequences of these lengths."""
    return [on(length, *rest, seed=place) for place, length in enumerate(lengths)]


@st.composite
def sequences(draw: Draw, falling: bool = False) -> list[Array]:
    """Sequences of any lengths, or of falling ones."""
    lengths = draw(st.lists(st.integers(1, 4), min_size=1, max_size=4))
    rest = draw(shapes(0, 2, 1, 3))
    return [values_in(draw, real, (length, *rest)) for length in (sorted(lengths)[::-1] if falling else lengths)]


@st.composite
def padded(draw: Draw) -> tuple[Array, list[int], bool]:
    """A padded batch with its lengths, and whether the batch comes first."""
    batch, longest, first = draw(st.integers(1, 3)), draw(st.integers(1, 4)), draw(st.booleans())
    lengths = draw(st.lists(st.integers(1, longest), min_size=batch, max_size=batch))
    shape = (batch, longest) if first else (longest, batch)
    return values_in(draw, real, (*shape, *draw(shapes(0, 2, 1, 3)))), lengths, first


def on_cpu(*lengths: Any) -> Make:
    """Lengths as a tensor, which must be on the CPU wherever the sequences are."""
    return Make(lambda lib: lib.tensor(list(lengths)))


def from_list(lib: Any, *parts: Any) -> Any:
    """Sequences packed by each framework."""
    return lib.nn.utils.rnn.pack_sequence(list(parts), enforce_sorted=False)


def of_a_copy(torch: Any, padded_sequences: Any, *args: Any) -> Any:
    """PyTorch's unpad_sequence, which transposes its argument in place, and so takes no leaf."""
    return torch.nn.utils.rnn.unpad_sequence(padded_sequences.clone(), *args)


THREE = lengthy(2, 4, 1)
ONE = Make(from_list, tuple(THREE))
FALLING = lengthy(4, 2, 2)
BATCH = on(4, 3, 2)
UTILITIES = [
    utility(
        "pad_sequence",
        Call(THREE), Call(THREE, True), Call(THREE, padding_value=2.5), Call(THREE, True, 1.0, "left"),
        Call(lengthy(2, 2)), Call(lengthy(3, 1, rest=())), Call(lengthy(2, 1, rest=(2, 1, 2))),
        draw=st.tuples(sequences(), st.booleans(), st.floats(-2, 2), st.sampled_from(["left", "right"]))
        .map(lambda drawn: Call(*drawn)),
        values=[
            *[Call([each.astype(kind) for each in THREE], padding_value=1).tagged(kind)
              for kind in ("int64", "uint8", "float32", "float16")],
            Call([each > 0 for each in THREE], padding_value=True).tagged("bool"),
            Call([np.arange(2), np.arange(3)], padding_value=2.7).tagged("fraction among integers"),
            Call([on(2), on(3).astype("float32")]).tagged("two types"),
            Call([on(2).astype("float32"), on(3)]).tagged("the first one's type"),
            Call([np.arange(2), on(3)]).tagged("cut to integers"),
            Call(lengthy(0, 2)).tagged("an empty sequence"),
            Call(on(2, 3)).tagged("rows of a tensor"),
        ],
        errors=[
            (Call([]), RuntimeError), (Call(3), RuntimeError), (Call([on()]), RuntimeError), (Call([1, 2]), TypeError),
            (Call([on(2, 3), on(2, 4)]), RuntimeError), (Call([on(2, 3), on(2)]), RuntimeError),
            (Call(THREE, padding_side="middle"), RuntimeError),
        ],
    ),
    utility(
        "unpad_sequence",
        Call(BATCH, Const(np.array([2, 4, 1]))), Call(on(3, 4, 2), Const(np.array([4, 1, 2])), True),
        draw=padded().map(lambda drawn: Call(drawn[0], Const(np.array(drawn[1])), drawn[2])),
        values=[Call(BATCH, np.array([0, 9, -3])).tagged("beyond both ends")],
        errors=[(Call(BATCH, np.array([1, 2])), ValueError)],
        oracle=of_a_copy,
    ),
    utility(
        "pack_padded_sequence",
        Call(BATCH, [4, 2, 2]), Call(BATCH, [2, 4, 1], enforce_sorted=False),
        Call(on(3, 4, 2), on_cpu(3, 3, 1), True), Call(on(3, 4), [2, 3, 4], True, False),
        draw=padded().map(lambda drawn: Call(*drawn, False)),
        values=[
            Call(np.arange(12).reshape(4, 3), [4, 2, 2]).tagged("integers"),
            Call(BATCH.astype("float32"), on_cpu(4, 2, 2)).tagged("float32"),
            Call(BATCH, on_cpu(3.9, 2.5, 1.0)).tagged("fractions of lengths are cut off"),
        ],
        errors=[
            (Call(on(3), [3]), IndexError), (Call(BATCH, [4, 2]), RuntimeError), (Call(BATCH, [4, 2, 0]), RuntimeError),
            (Call(BATCH, [2, 4, 1]), RuntimeError), (Call(on(4, 0), []), RuntimeError),
            (Call(BATCH, on_cpu([4, 2, 2])), RuntimeError), (Call(np.zeros((0, 2)), [1, 1]), RuntimeError),
            (Call(BATCH, [5, 2, 2]).tagged("longer than the input"), RuntimeError),
            (Call(BATCH, [4, 2], enforce_sorted=False).tagged("too few lengths"), RuntimeError),
        ],
    ),
    utility(
        "pack_sequence",
        Call(FALLING), Call(THREE, False), Call(lengthy(3, 1, rest=())),
        draw=sequences().map(lambda drawn: Call(drawn, enforce_sorted=False)),
        values=[Call([np.arange(3), np.arange(2)]).tagged("integers")],
        errors=[(Call(THREE), RuntimeError), (Call([]), RuntimeError), (Call(lengthy(3, 0)), RuntimeError)],
    ),
    utility(
        "pad_packed_sequence",
        Call(ONE), Call(ONE, True), Call(ONE, padding_value=2.5), Call(ONE, total_length=6),
        Call(packed(BATCH, (4, 2, 2))), Call(packed(on(4, 3), (4, 2, 2)), True, -1.0, 4),
        draw=sequences().map(lambda drawn: Call(Make(from_list, tuple(drawn)), len(drawn) > 2)),
        values=[
            Call(Make(from_list, (np.arange(3), np.arange(4))), padding_value=7).tagged("integers"),
            Call(Make(lambda lib, x: from_list(lib, x).half(), (on(3),))).tagged("float16"),
        ],
        errors=[(Call(ONE, total_length=3), ValueError)],
        outputs=lambda out: (out[0], out[1].tolist(), out[1].dtype),  # the lengths are on the CPU always
    ),
    utility(
        "unpack_sequence",
        Call(ONE), Call(packed(BATCH, (4, 2, 2))), Call(packed(on(4, 3), (4, 2, 2))),
        draw=sequences().map(lambda drawn: Call(Make(from_list, tuple(drawn)))),
    ),
    utility(
        "invert_permutation",
        values=[Call(np.array([2, 0, 3, 1])), Call(np.array([], int)), Call(None)],
        grad=False,
    ),
]  # fmt: skip

ENTRIES = [*LAYERS, *CELLS, *UTILITIES]
