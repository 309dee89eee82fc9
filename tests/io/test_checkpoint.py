"""``save`` and ``load``: what goes in comes out, type for type and bit for bit, and what cannot is refused."""

from __future__ import annotations

import enum
import json
import os
import sys
from collections import Counter, OrderedDict, defaultdict, namedtuple
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from lepton.autograd.tensor import Size, Tensor
from lepton.backend import devices, dtypes
from lepton.errors import ArgumentTypeError, CheckpointError, DeviceError
from lepton.io import load, parse, save
from lepton.nn.parameter import Parameter
from tests.io.support import entry, file_with, same

Point = namedtuple("Point", "x y")


class Colour(enum.IntEnum):
    RED = 1


def tensor(*shape: int, dtype: str = "float32") -> Tensor:
    return Tensor(np.arange(np.prod(shape, dtype=int)).reshape(shape).astype(dtype))


def header_of(path: Path) -> dict[str, Any]:
    data = path.read_bytes()
    return json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])


def round_trip(obj: Any, path: Path) -> Any:
    save(obj, path)
    return load(path)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "checkpoint.safetensors"


# ---------------------------------------------------------------------- round trips

LEAVES: list[Any] = [
    None,
    True,
    False,
    0,
    -1,
    2**63 - 1,
    2**63,
    2**64,
    -(2**63) - 1,
    10**5000,
    0.1,
    -0.0,
    5e-324,
    1.7976931348623157e308,
    float("inf"),
    float("-inf"),
    float("nan"),
    "",
    "é中\U0001f600",
    '\x00\n\\"$',
    "\ud800",
    b"",
    b"\x00\xff" * 100,
    [],
    (),
    {},
    OrderedDict(),
    Size([2, 3]),
    dtypes.float32,
    dtypes.bfloat16,
    dtypes.bool_,
    devices.device("cpu"),
    devices.device("cuda", 1),
    np.float32(0.1),
    np.float16(6e-8),
    np.float64("nan"),
    np.int8(-3),
    np.uint64(2**64 - 1),
    np.bool_(True),
    np.array(3.0),
    np.zeros((0, 3)),
    np.array([True, False]),
    np.arange(6, dtype=np.uint16).reshape(2, 3),
    Tensor(np.array(2.5)),
    Tensor(np.zeros((2, 0, 3), np.float16)),
    Tensor(np.array([[True], [False]])),
    Tensor(np.array([np.nan, -0.0, np.inf, 5e-324])),
    Parameter(Tensor(np.ones(3, np.float32))),
    Parameter(Tensor(np.ones(3, np.float32)), requires_grad=False),
]


@pytest.mark.parametrize("leaf", LEAVES, ids=lambda each: type(each).__name__)
def test_every_kind_of_leaf_comes_back(leaf: Any, path: Path) -> None:
    assert same(round_trip(leaf, path), leaf)
    nested = {"a": [leaf, (leaf, {0: leaf})], "b": OrderedDict(z=leaf, y=None)}
    assert same(round_trip(nested, path), nested)


@pytest.mark.parametrize("dtype", [each.name for each in dtypes.ALL if each is not dtypes.bfloat16])
def test_every_number_type(dtype: str, path: Path) -> None:
    array = np.arange(-4, 4).astype(dtype)
    loaded = round_trip({"t": Tensor(array), "a": array}, path)
    assert same(loaded, {"t": Tensor(array), "a": array})
    assert loaded["t"].numpy().flags.writeable and loaded["t"].numpy().flags.aligned


def test_bfloat16(path: Path) -> None:
    pytest.importorskip("ml_dtypes")
    array = np.array([1.5, -0.0, np.inf], dtypes.bfloat16.numpy)
    obj = {"t": Tensor(array), "a": array, "s": array[0], "zero": Tensor(array[:0])}
    assert same(round_trip(obj, path), obj)
    assert header_of(path)["t"]["dtype"] == "BF16"


def test_bfloat16_without_its_package_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ml_dtypes", None)
    monkeypatch.setattr(dtypes.bfloat16, "_numpy", None)
    with pytest.raises(CheckpointError, match=r"tensor 'w' cannot be read: .*lepton\[bf16\]"):
        parse(file_with({"w": entry("BF16", [1], [0, 2])}, b"\x00\x00"))


def test_layouts_that_are_not_contiguous(path: Path) -> None:
    base = np.arange(24, dtype=np.float32).reshape(4, 6)
    arrays = [base.T, base[::-1, ::2], np.broadcast_to(base[0], (3, 6)), base[1:3, 2:2], np.asfortranarray(base)]
    obj = {"tensors": [Tensor(each) for each in arrays], "arrays": arrays}
    assert same(round_trip(obj, path), obj)


def test_byte_order_of_other_machines(path: Path) -> None:
    loaded = round_trip([np.array([1, 2], ">i4"), np.array(0.5, ">f8")], path)
    assert same(loaded, [np.array([1, 2], "<i4"), np.array(0.5)])


def test_bools_in_memory_that_was_never_written_to(path: Path) -> None:
    loaded = round_trip(np.array([0, 1, 7], np.uint8).view(bool), path)
    assert loaded.tobytes() == b"\x00\x01\x01"


def test_requires_grad_comes_back(path: Path) -> None:
    leaf = tensor(2).requires_grad_()
    loaded = round_trip({"leaf": leaf, "detached": leaf.detach()}, path)
    assert loaded["leaf"].requires_grad and loaded["leaf"].is_leaf
    assert not loaded["detached"].requires_grad


keys = st.one_of(st.text(max_size=5), st.integers(), st.booleans(), st.none(), st.floats(allow_nan=False))
leaves = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(st.characters(), max_size=8),
    st.binary(max_size=8),
    hnp.arrays(
        hnp.scalar_dtypes().filter(lambda each: each.kind in "biuf" and each.itemsize <= 8),
        hnp.array_shapes(min_dims=0, max_side=3, min_side=0),
    ),
    hnp.arrays(st.sampled_from(["f4", "f8", "i8", "?"]), hnp.array_shapes(min_dims=0, max_side=3, min_side=0)).map(
        Tensor
    ),
)
trees = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.lists(inner, max_size=3).map(tuple),
        st.dictionaries(st.text(max_size=5), inner, max_size=3),
        st.dictionaries(keys, inner, max_size=3),
        st.dictionaries(keys, inner, max_size=3).map(OrderedDict),
    ),
    max_leaves=12,
)


def in_machine_order(obj: Any) -> Any:
    """The tree with arrays in this machine's byte order, which is how they come back."""
    if isinstance(obj, np.ndarray):
        return obj.astype(obj.dtype.newbyteorder("="))
    if isinstance(obj, (list, tuple)):
        return type(obj)(in_machine_order(each) for each in obj)
    if isinstance(obj, dict):
        return type(obj)((key, in_machine_order(each)) for key, each in obj.items())
    return obj


@given(tree=trees)
def test_any_tree_comes_back(tree: Any, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.getbasetemp() / "any.safetensors"
    assert same(round_trip(tree, path), in_machine_order(tree))


# ---------------------------------------------------------------------- the file


def test_a_state_dict_is_a_plain_safetensors_file(path: Path) -> None:
    safetensors = pytest.importorskip("safetensors.numpy")
    state = OrderedDict([("conv1.weight", tensor(2, 3)), ("conv1.bias", tensor(2)), ("seen", tensor(dtype="int64"))])
    save(state, path)
    read = safetensors.load_file(path)
    assert set(read) == set(state)
    assert all(same(read[name], state[name].numpy()) for name in state)
    assert same(load(path), state)


def test_tensors_are_named_by_their_path(path: Path) -> None:
    save({"model": {"w": tensor(1)}, "optimizer": {"state": {0: {"m": tensor(2)}}}, "l": [None, tensor(3)]}, path)
    assert set(header_of(path)) == {"__metadata__", "model.w", "optimizer.state.0.m", "l.1"}
    save(tensor(1), path)
    assert set(header_of(path)) == {"__metadata__", "tensor"}


def test_names_that_collide_or_cannot_be_printed_are_told_apart(path: Path) -> None:
    obj = {
        "a": {"b": tensor(1)},
        "a.b": tensor(2),
        "__metadata__": tensor(3),
        "x\ny": tensor(4),
        "\ud800": tensor(5),
        "": tensor(6),
    }
    assert same(round_trip(obj, path), obj)
    assert set(header_of(path)) == {"__metadata__", "a.b", "a.b~2", "__metadata__~2", "x\\ny", "\\ud800", "tensor"}


def test_the_tree_is_readable_json(path: Path) -> None:
    save({"lr": 0.1, "betas": (0.9, 0.99), "state": {0: tensor(1)}, "best": float("inf")}, path)
    metadata = header_of(path)["__metadata__"]
    assert metadata["lepton.tree"] == "1"
    assert json.loads(metadata["lepton.root"]) == {
        "lr": 0.1,
        "betas": {"$tuple": [0.9, 0.99]},
        "state": {"$dict": [[0, {"$tensor": "state.0"}]]},
        "best": {"$float": "inf"},
    }


def test_tensors_are_aligned_and_the_same_state_gives_the_same_bytes(path: Path) -> None:
    obj = {"b": np.ones(3, bool), "h": np.ones(3, np.float16), "d": np.ones(3), "f": np.ones(1, np.float32)}
    save(obj, path)
    first = path.read_bytes()
    header = header_of(path)
    assert int.from_bytes(first[:8], "little") % 8 == 0
    for name, array in obj.items():
        assert header[name]["data_offsets"][0] % array.itemsize == 0
    save(obj, path)
    assert path.read_bytes() == first


def test_a_file_of_another_program(path: Path) -> None:
    safetensors = pytest.importorskip("safetensors.numpy")
    arrays = {"w": np.arange(6.0).reshape(2, 3), "flag": np.array(True), "none": np.zeros((3, 0), np.int8)}
    safetensors.save_file(arrays, path, metadata={"made by": "another"})
    loaded = load(path)
    assert type(loaded) is dict
    assert same({name: each.numpy() for name, each in loaded.items()}, {name: arrays[name] for name in loaded})
    assert set(loaded) == set(arrays)


def test_another_programs_type_that_tensors_lack() -> None:
    with pytest.raises(CheckpointError, match=r"tensor 'u' is of dtype uint32.*convert"):
        parse(file_with({"u": entry("U32", [1], [0, 4])}, bytes(4)))


# ---------------------------------------------------------------------- shared memory


def test_tied_weights_are_stored_once_and_stay_tied(path: Path) -> None:
    weight = tensor(3, 4)
    array = weight.numpy()
    loaded = round_trip({"in": Parameter(weight), "out": weight.detach(), "array": array}, path)
    assert set(header_of(path)) == {"__metadata__", "in"}
    loaded["array"][0, 0] = 7
    assert loaded["in"].detach().numpy()[0, 0] == loaded["out"].numpy()[0, 0] == 7


def test_tied_tensors_share_their_version_too(path: Path) -> None:
    weight = tensor(2)
    loaded = round_trip([weight, weight.detach()], path)
    loaded[0]._cell[0] += 1
    assert loaded[1]._version == 1


def test_overlapping_views_come_back_apart_and_equal(path: Path) -> None:
    array = np.arange(6.0)
    obj = [array[:4], array[2:], array.reshape(2, 3), array[:0], array[6:]]
    loaded = round_trip(obj, path)
    assert same(loaded, obj)
    assert not any(np.shares_memory(loaded[0], each) for each in loaded[1:])


def test_equal_bytes_objects(path: Path) -> None:
    blob = b"same"
    assert round_trip([blob, blob, b"", b""], path) == [blob, blob, b"", b""]


# ---------------------------------------------------------------------- what cannot be saved


@pytest.mark.parametrize(
    ("value", "where"),
    [
        (object(), "object"),
        (lambda: None, "function"),
        ({1, 2}, "set"),
        (1j, "complex"),
        (Point(1, 2), "Point"),
        (defaultdict(list), "defaultdict"),
        (Counter(), "Counter"),
        (Colour.RED, "Colour"),
        (bytearray(b"a"), "bytearray"),
        (np.complex64(1), "complex64"),
        (np.array([1j]), "complex128"),
        (np.array(["a"]), "<U1"),
        (np.array([object()]), "object"),
        (np.zeros(1, "f4,i4"), "f4"),
        (np.zeros(1, np.longdouble), "longdouble|float128|float96"),
        (np.zeros(1, "datetime64[s]"), "datetime64"),
        (np.ma.masked_array([1.0], [True]), "MaskedArray"),
        (np.dtype("f4"), "Float32DType"),
        ({(1, 2): 0}, "tuple"),
        ({b"k": 0}, "bytes"),
    ],
)
def test_what_has_no_place_in_a_checkpoint(value: Any, where: str, path: Path) -> None:
    save({"old": 1}, path)
    with pytest.raises(CheckpointError, match=rf"(?s)can't save what is at 'model\.0'.*({where})"):
        save({"model": [value]}, path)
    assert load(path) == {"old": 1}
    assert os.listdir(path.parent) == [path.name]


def test_a_name_that_is_too_long_to_be_read_again(path: Path) -> None:
    longest = "é" * 2047  # in UTF-8 and with quotes 4096 bytes
    save({longest: Tensor(np.zeros(1))}, path)
    assert list(load(path)) == [longest]
    with pytest.raises(CheckpointError, match="can't save what is at 'ééé"):
        save({longest + "e": Tensor(np.zeros(1))}, path)
    assert list(load(path)) == [longest]


def test_a_tree_that_contains_itself(path: Path) -> None:
    endless: list[Any] = []
    endless.append(endless)
    with pytest.raises(CheckpointError, match="contains itself"):
        save(endless, path)


def test_the_deepest_tree_that_is_saved_is_loaded(path: Path) -> None:
    for wrap in (
        lambda inner: [inner],
        lambda inner: {0: inner},
        lambda inner: (inner,),
        lambda inner: OrderedDict(a=inner),
    ):
        tree: Any = tensor(1)
        for _ in range(64):
            tree = wrap(tree)
        assert same(round_trip(tree, path), tree)
        with pytest.raises(CheckpointError, match="64 levels"):
            save(wrap(tree), path)


def test_what_would_not_be_loaded_is_not_saved(path: Path) -> None:
    save([1], path)
    with pytest.raises(CheckpointError, match="as tensors or NumPy arrays"):
        save([0.5] * 1_000_000, path)
    assert load(path) == [1]
    many = list(range(100_000))
    assert round_trip(many, path) == many


@pytest.mark.parametrize("path", [3, None, object()])
def test_a_path_that_is_none(path: Any) -> None:
    with pytest.raises(ArgumentTypeError, match=r"path must be a str or an os\.PathLike"):
        save({}, path)
    with pytest.raises(ArgumentTypeError, match=r"path must be a str or an os\.PathLike"):
        load(path)


# ---------------------------------------------------------------------- loading


def test_errors_of_the_system_stay_what_they_are(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        load(tmp_path / "missing")
    with pytest.raises(IsADirectoryError):
        load(tmp_path)


def test_a_named_pipe_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(CheckpointError, match="pipe"):
        load(tmp_path / "pipe")


def test_errors_name_the_file(path: Path) -> None:
    path.write_bytes(b"no checkpoint")
    with pytest.raises(
        CheckpointError, match=r"can't load the checkpoint '.*checkpoint\.safetensors': .*take another copy"
    ):
        load(path)


@pytest.mark.parametrize("device", [None, "cpu", devices.device("cpu")])
def test_map_location(device: Any, path: Path) -> None:
    save(tensor(2), path)
    assert load(path, map_location=device).device == devices.device("cpu")


def test_map_location_to_a_device_that_is_not_here(path: Path) -> None:
    save(tensor(2), path)
    with pytest.raises(DeviceError, match="not available"):
        load(path, map_location="elsewhere")
    with pytest.raises(ArgumentTypeError):
        load(path, map_location={"cuda:0": "cpu"})  # type: ignore[arg-type]


def test_parse_reads_what_save_wrote(path: Path) -> None:
    save({"a": tensor(2, 2)}, path)
    assert same(parse(path.read_bytes()), load(path))
