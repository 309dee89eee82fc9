"""Image classification from a folder of class folders: a convolutional network learns, is tested, and is saved.

    python examples/image_classification.py              # handwritten digits, written into data/ on the first run
    python examples/image_classification.py --data DIR   # your own: DIR/train/<class>/… and DIR/test/<class>/…
    python examples/image_classification.py --resume     # go on with a run that Ctrl-C stopped

Images of any size are brought to 24×24. Each is decoded once and then kept in memory, as tensors that take 6.9 kB an
image: reading 4,000 files again for every epoch would take about as long as learning from them.

Needs the extras vision, plot and progress: pip install 'lepton[vision,plot,progress]'.
"""

from __future__ import annotations

import argparse
import signal
import sys
import tempfile
import time
from pathlib import Path
from types import FrameType
from typing import Any

from matplotlib.figure import Figure
from prepare_mnist import prepare_digits
from tqdm import tqdm

import lepton
from lepton import nn
from lepton.data import DataLoader, TensorDataset
from lepton.errors import CheckpointError, DataError, LeptonError
from lepton.nn import functional as F
from lepton.optim import SGD
from lepton.vision import transforms
from lepton.vision.datasets import ImageFolder

SIDE = 24


class ConvNet(nn.Module):
    """Two convolutions, each with ReLU and max-pooling, then two linear layers: 24×24 → 12×12 → 6×6 → classes."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 32, kernel_size=3, padding=1)
        self.conv2 = nn.Conv2d(32, 64, kernel_size=3, padding=1)
        self.pool = nn.MaxPool2d(kernel_size=2)
        self.fc1 = nn.Linear(64 * 6 * 6, 128)
        self.fc2 = nn.Linear(128, classes)

    def forward(self, images: lepton.Tensor) -> lepton.Tensor:
        """Scores of shape (batch, classes) for images of shape (batch, 3, 24, 24)."""
        x = self.pool(F.relu(self.conv1(images)))
        x = self.pool(F.relu(self.conv2(x)))
        x = F.relu(self.fc1(x.flatten(1)))
        return self.fc2(x)


# ---------------------------------------------------------------------- data


def read_images(folder: Path, workers: int) -> tuple[TensorDataset, list[str]]:
    """All images below ``folder``, with pixels in [0, 1], and the names of the classes."""
    resize_and_convert = transforms.Compose([transforms.Resize((SIDE, SIDE)), transforms.ToTensor()])
    images = ImageFolder(folder, resize_and_convert)
    loader = DataLoader(images, batch_size=100, num_workers=workers)
    batches = list(tqdm(loader, desc=f"Reading {folder}", leave=False, disable=None))
    pixels, labels = zip(*batches, strict=True)
    return TensorDataset(lepton.cat(pixels), lepton.cat(labels)), images.classes


def channel_statistics(images: TensorDataset) -> dict[str, list[float]]:
    """The mean and the standard deviation of each colour channel."""
    pixels = images.tensors[0]
    std = pixels.std(dim=(0, 2, 3)).clamp(min=1e-3)  # a channel that is the same everywhere can't be scaled up
    return {"mean": pixels.mean(dim=(0, 2, 3)).tolist(), "std": std.tolist()}


# ---------------------------------------------------------------------- learning


class Training:
    """A model with all that a run needs to go on as if it had never been stopped."""

    def __init__(self, images: TensorDataset, settings: dict[str, Any], checkpoint: Path) -> None:
        self.settings = settings
        self.checkpoint = checkpoint
        lepton.manual_seed(settings["seed"])
        self.model = ConvNet(len(settings["classes"]))
        self.criterion = nn.CrossEntropyLoss()
        self.optimizer = SGD(self.model.parameters(), lr=settings["lr"], momentum=settings["momentum"])
        order = lepton.Generator().manual_seed(settings["seed"])
        self.loader = DataLoader(images, settings["batch_size"], shuffle=True, generator=order)
        self.losses: list[float] = []  # of the epochs that are done
        self.loss_sum = 0.0  # over the images of the present epoch so far

    def run(self, epochs: int, stop: StopRequest) -> bool:
        """Learn until ``epochs`` are done, or stop after a batch when asked; whether they are done."""
        self.model.train()
        while len(self.losses) < epochs:
            epoch = len(self.losses) + 1
            batches_done = self.loader.state_dict()["batches"] or 0
            bar = tqdm(self.loader, f"Epoch {epoch}/{epochs}", initial=batches_done, leave=False, disable=None)
            for images, labels in bar:
                loss = self.learn(images, labels)
                bar.set_postfix(loss=f"{loss:.4f}", refresh=False)
                if stop.asked:
                    bar.close()
                    self.save()
                    return False
            self.losses.append(self.loss_sum / len(self.loader.dataset))
            self.loss_sum = 0.0
            print(f"Epoch [{epoch}/{epochs}], Loss: {self.losses[-1]:.4f}", flush=True)
            self.save()
        return True

    def learn(self, images: lepton.Tensor, labels: lepton.Tensor) -> float:
        """One step down the gradient of the batch's loss."""
        self.optimizer.zero_grad()
        loss = self.criterion(self.model(images), labels)
        loss.backward()
        self.optimizer.step()
        self.loss_sum += loss.item() * len(labels)
        return loss.item()

    def state(self) -> dict[str, Any]:
        """All that changes while the run goes on, and the settings with which it does."""
        return {
            "settings": self.settings,
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "loader": self.loader.state_dict(),
            "random": lepton.get_rng_state(),
            "losses": self.losses,
            "loss_sum": self.loss_sum,
        }

    def save(self) -> None:
        lepton.save(self.state(), self.checkpoint)

    def resume(self) -> None:
        """Go back to where :meth:`save` was called."""
        if not self.checkpoint.exists():
            raise CheckpointError(f"there is no checkpoint {self.checkpoint}: begin a run without --resume")
        state = lepton.load(self.checkpoint)
        if not isinstance(state, dict) or state.keys() != self.state().keys():
            raise CheckpointError(f"{self.checkpoint} is not of such a run: begin anew without --resume")
        for name, value in self.settings.items():
            if state["settings"].get(name) != value:
                raise CheckpointError(
                    f"the run of {self.checkpoint} had {name} = {state['settings'].get(name)}, and this one has "
                    f"{value}: give the same options and data, or begin anew without --resume"
                )
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.loader.load_state_dict(state["loader"])
        lepton.set_rng_state(state["random"])
        self.losses, self.loss_sum = state["losses"], state["loss_sum"]


class StopRequest:
    """While it lasts, Ctrl-C and SIGTERM ask for an orderly stop, between two batches; a second one stops at once."""

    def __enter__(self) -> StopRequest:
        self.asked = 0  # the number of the signal
        self.previous = {each: signal.signal(each, self.ask) for each in (signal.SIGINT, signal.SIGTERM)}
        return self

    def ask(self, number: int, frame: FrameType | None) -> None:
        self.asked = number
        self.__exit__()

    def __exit__(self, *exception: object) -> None:
        for number, handler in self.previous.items():
            signal.signal(number, handler)


# ---------------------------------------------------------------------- testing


def confusion_matrix(model: ConvNet, images: TensorDataset, classes: int) -> list[list[int]]:
    """How many images of each class (row) the model takes for each class (column)."""
    counts = [[0] * classes for _ in range(classes)]
    model.eval()
    with lepton.no_grad():
        for batch, labels in DataLoader(images, batch_size=100):
            predicted = model(batch).argmax(dim=1)
            for label, prediction in zip(labels.tolist(), predicted.tolist(), strict=True):
                counts[label][prediction] += 1
    return counts


def print_confusion_matrix(counts: list[list[int]], classes: list[str]) -> None:
    widths = [max(len(name), 4) for name in classes]
    first = max(len(name) for name in classes)
    print("\nConfusion matrix (rows: the true class; columns: the predicted one)")
    print(" " * first, *(name.rjust(width) for name, width in zip(classes, widths, strict=True)))
    for name, row in zip(classes, counts, strict=True):
        print(name.rjust(first), *(f"{count or '·':>{width}}" for count, width in zip(row, widths, strict=True)))


def plot_losses(losses: list[float], path: Path) -> None:
    axes = (figure := Figure(figsize=(6, 4), layout="constrained")).add_subplot()
    axes.plot(range(1, len(losses) + 1), losses, marker="o")
    axes.set(xlabel="epoch", ylabel="cross-entropy", title="Training loss")
    axes.xaxis.get_major_locator().set_params(integer=True)
    figure.savefig(path)


# ---------------------------------------------------------------------- the whole


def read_options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Train and test a convolutional network on a folder of images.")
    parser.add_argument(
        "--data", type=Path, help="your own images: DIR/train/<class>/…, DIR/test/<class>/…", metavar="DIR"
    )
    parser.add_argument("--out", type=Path, default=Path("runs"), help="where to save (default: runs)", metavar="DIR")
    parser.add_argument("--epochs", type=positive, default=10, help="times to go through the images (default: 10)")
    parser.add_argument("--batch-size", type=positive, default=32, help="images in a step (default: 32)")
    parser.add_argument("--lr", type=float, default=0.001, help="learning rate (default: 0.001)")
    parser.add_argument("--momentum", type=float, default=0.9, help="default: 0.9")
    parser.add_argument("--seed", type=int, default=0, help="of the first weights and of the order (default: 0)")
    parser.add_argument("--workers", type=int, default=2, help="threads that decode images (default: 2)")
    parser.add_argument("--resume", action="store_true", help="go on with the run that was stopped")
    parser.add_argument("--smoke", action="store_true", help="a run of seconds in a temporary folder, as a test")
    return parser.parse_args(arguments)


def positive(text: str) -> int:
    if (number := int(text)) < 1:
        raise argparse.ArgumentTypeError(f"{number} is not 1 or more")
    return number


def main(arguments: list[str] | None = None) -> int:
    options = read_options(arguments)
    if options.smoke:
        with tempfile.TemporaryDirectory() as folder:
            options.data, options.out, options.epochs = Path(folder, "data"), Path(folder, "runs"), 1
            prepare_digits(options.data, train=16, test=4)
            return train_and_test(options)
    if options.data is None:
        options.data = Path("data")
        prepare_digits(options.data)
    return train_and_test(options)


def train_and_test(options: argparse.Namespace) -> int:
    train_images, classes = read_images(options.data / "train", options.workers)
    test_images, test_classes = read_images(options.data / "test", options.workers)
    if test_classes != classes:
        raise DataError(
            f"{options.data} has the classes {classes} in train/ and {test_classes} in test/; both need the same"
        )
    statistics = channel_statistics(train_images)
    normalize = transforms.Normalize(**statistics, inplace=True)
    for images in (train_images, test_images):
        normalize(images.tensors[0])
    print(f"{len(train_images):,} images to learn from, {len(test_images):,} to test with, {len(classes)} classes")

    names = ("batch_size", "lr", "momentum", "seed")
    settings = {"classes": classes, "images": len(train_images), **statistics}
    settings.update((name, getattr(options, name)) for name in names)
    options.out.mkdir(parents=True, exist_ok=True)
    training = Training(train_images, settings, options.out / "checkpoint.safetensors")
    if options.resume:
        training.resume()
    started = time.perf_counter()
    with StopRequest() as stop:
        done = training.run(options.epochs, stop)
    if not done:
        print(f"Stopped in epoch {len(training.losses) + 1}; all is saved in {training.checkpoint}.")
        print("To go on, give the same command again with --resume.")
        return 128 + stop.asked
    print(f"Training took {time.perf_counter() - started:.1f} s")
    lepton.save(training.model.state_dict(), options.out / "weights.safetensors")
    plot_losses(training.losses, options.out / "loss.png")

    counts = confusion_matrix(training.model, test_images, len(classes))
    right = sum(counts[number][number] for number in range(len(classes)))
    print(f"Accuracy on the test images: {100 * right / len(test_images):.2f}%")
    print_confusion_matrix(counts, classes)
    print(f"\nSaved: the weights in {options.out}/weights.safetensors, the loss curve in {options.out}/loss.png")
    return 0


if __name__ == "__main__":
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="backslashreplace")  # a folder's name may hold what the terminal cannot show
    try:
        sys.exit(main())
    except (LeptonError, OSError) as error:
        sys.exit(f"error: {error}")
    except KeyboardInterrupt:
        sys.exit("Interrupted.")
