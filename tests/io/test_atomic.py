"""A save replaces the file as a whole or not at all, also when the process is killed, and leaves nothing behind."""

from __future__ import annotations

import contextlib
import fcntl
import os
import random
import resource
import signal
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lepton.errors import CheckpointError
from lepton.io import atomic, load, save

# For each step that it is told, a child that saves from there on until it is killed; forks, since imports take long.
SAVES_FOR_EVER = """
import os, sys
import numpy as np
from lepton.io import save
for line in sys.stdin:
    child = os.fork()
    if child == 0:
        step = int(line)
        print(os.getpid(), flush=True)
        while True:
            step += 1
            save({"step": step, "weights": np.full(200_000, step, np.float32), "also": np.full(9, step)}, sys.argv[1])
            print(step, flush=True)
    print("ended by", os.WTERMSIG(os.waitpid(child, 0)[1]), flush=True)
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "checkpoint.safetensors"


@pytest.fixture
def umask() -> Iterator[None]:
    before = os.umask(0o027)
    yield
    os.umask(before)


def kill_while_saving(parent: subprocess.Popen[str], step: int, wait: float) -> int:
    """Kill a child some time after its first save; the last step that it said was saved."""
    assert parent.stdin is not None and parent.stdout is not None
    parent.stdin.write(f"{step}\n")
    parent.stdin.flush()
    child = int(parent.stdout.readline())
    said = parent.stdout.readline()
    time.sleep(wait)
    os.kill(child, signal.SIGKILL)
    while not (line := parent.stdout.readline()).startswith("ended"):
        said = line
    assert line == f"ended by {signal.SIGKILL:d}\n"
    return int(said)


def kill_many_times(path: Path, environment: dict[str, str], times: int) -> None:
    chance, step, interrupted = random.Random(times), 0, 0
    command = [sys.executable, "-c", SAVES_FOR_EVER, str(path)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment | {"OMP_NUM_THREADS": "1"}
    ) as parent:
        for _ in range(times):
            said = kill_while_saving(parent, step, chance.uniform(0, 0.02))
            interrupted += len(os.listdir(path.parent)) > 1
            loaded = load(path)
            step = loaded["step"]
            assert step in (said, said + 1)
            assert (loaded["weights"] == step).all() and (loaded["also"] == step).all()
            assert len(os.listdir(path.parent)) <= 2  # what the killed one left, and of none before it
    assert interrupted > times // 20  # else the moments were not where it matters
    save({"step": step}, path)
    assert os.listdir(path.parent) == [path.name]


@pytest.mark.timeout(600)  # a busy disk takes seconds to say that data are on it
def test_kill_at_random_moments(path: Path, clean_environment: dict[str, str]) -> None:
    kill_many_times(path, clean_environment, 20)


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_kill_at_200_random_moments(path: Path, clean_environment: dict[str, str]) -> None:
    kill_many_times(path, clean_environment, 200)


def test_the_order_of_the_steps(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Data to the disk, then the name, then the folder: any other order can lose both files in a power cut."""
    steps = []
    fsync, replace = os.fsync, os.replace

    def traced_fsync(descriptor: int) -> None:
        steps.append("folder" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else os.fstat(descriptor).st_size)
        fsync(descriptor)

    def traced_replace(source: str, target: str) -> None:
        steps.append("rename")
        replace(source, target)

    monkeypatch.setattr(os, "fsync", traced_fsync)
    monkeypatch.setattr(os, "replace", traced_replace)
    save({"a": np.ones(1000)}, path)
    assert steps == [path.stat().st_size, "rename", "folder"]


@pytest.mark.parametrize("failing", ["fsync", "replace"])
@pytest.mark.parametrize("error", [OSError(5, "I/O error"), KeyboardInterrupt()])
def test_a_failure_leaves_the_old_file_and_no_other(
    failing: str, error: BaseException, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save([1], path)

    def fail(*_: Any) -> None:
        raise error

    with monkeypatch.context() as patch:
        patch.setattr(os, failing, fail)
        with pytest.raises(type(error)):
            save([2], path)
    assert load(path) == [1]
    assert os.listdir(path.parent) == [path.name]


def test_a_full_disk(path: Path) -> None:
    save([1], path)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, before[1]))
    try:
        with pytest.raises(OSError, match="too large"):
            save(np.zeros(100_000), path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert load(path) == [1]
    assert os.listdir(path.parent) == [path.name]


@pytest.mark.usefixtures("umask")
def test_permissions_follow_the_umask(path: Path) -> None:
    save([1], path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


def test_a_symbolic_link_stays_one(path: Path, tmp_path: Path) -> None:
    link = tmp_path / "latest"
    link.symlink_to(path.name)
    save([1], link)
    save([2], link)
    assert link.is_symlink() and not path.is_symlink()
    assert load(path) == load(link) == [2]


def test_the_longest_name(tmp_path: Path) -> None:
    path = tmp_path / ("é" * 127)
    save([1], path)
    assert load(path) == [1]


def test_targets_that_are_no_files(tmp_path: Path) -> None:
    with pytest.raises(IsADirectoryError, match="name of a file in it"):
        save([1], tmp_path)
    with pytest.raises(FileNotFoundError, match=r"no file can be made in the folder.*missing"):
        save([1], tmp_path / "missing" / "a")
    with pytest.raises(NotADirectoryError):
        save([1], Path(__file__) / "a")
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(CheckpointError, match="pipe"):
        save([1], tmp_path / "pipe")
    with pytest.raises(CheckpointError, match="device"):
        save([1], "/dev/null")
    assert os.listdir(tmp_path) == ["pipe"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_without_permission(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(PermissionError, match="no file can be made in the folder"):
            save([1], tmp_path / "a")
    finally:
        tmp_path.chmod(0o700)


# ---------------------------------------------------------------------- what killed writers leave


def leave_behind(path: Path) -> Path:
    left = path.parent / f"{atomic._prefix(str(path))}000000000000.tmp"
    left.write_bytes(b"half a file")
    return left


def test_what_a_killed_writer_left_goes_with_the_next_save(path: Path, tmp_path: Path) -> None:
    other = leave_behind(tmp_path / "other")
    left = leave_behind(path)
    save([1], path)
    assert not left.exists() and other.exists()


def test_what_a_living_writer_writes_stays(path: Path) -> None:
    left = leave_behind(path)
    with left.open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        save([1], path)
        assert left.exists()
    save([2], path)
    assert not left.exists()


def test_a_link_under_a_temporary_name_is_not_followed(path: Path, tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.write_bytes(b"kept")
    leave_behind(path).unlink()
    leave_behind(path).unlink()
    (path.parent / f"{atomic._prefix(str(path))}0.tmp").symlink_to(precious)
    save([1], path)
    assert precious.read_bytes() == b"kept" and load(path) == [1]


def test_a_writer_that_was_taken_for_dead_begins_again(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between the making of the temporary file and its lock, another writer may remove it."""
    lock, removed = atomic._lock, []

    def removed_before_it_is_locked(descriptor: int) -> bool:
        if not removed:
            removed.append(os.listdir(path.parent)[0])
            os.unlink(path.parent / removed[0])
        return lock(descriptor)

    monkeypatch.setattr(atomic, "_lock", removed_before_it_is_locked)
    save([1], path)
    assert load(path) == [1] and os.listdir(path.parent) == [path.name]


def test_a_file_system_without_locks(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def unsupported(*_: Any) -> None:
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(fcntl, "flock", unsupported)
    save([1], path)
    assert load(path) == [1] and os.listdir(path.parent) == [path.name]


@pytest.mark.parametrize(("number", "passes"), [(22, True), (95, True), (5, False)])
def test_a_file_system_that_cannot_sync_folders(
    number: int, passes: bool, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fsync = os.fsync

    def refuse_folders(descriptor: int) -> None:
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise OSError(number, "not for folders")
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", refuse_folders)
    with contextlib.nullcontext() if passes else pytest.raises(OSError, match="not for folders"):
        save([1], path)
    assert load(path) == [1]


def test_threads_that_save_to_one_path(path: Path) -> None:
    failures: list[Exception] = []

    def work(number: int) -> None:
        try:
            for _ in range(20):
                save({"a": np.full(1000, number)}, path)
                loaded = load(path)["a"]
                assert (loaded == loaded[0]).all()
        except Exception as error:  # noqa: BLE001 - to fail in the main thread
            failures.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert failures == []
    assert os.listdir(path.parent) == [path.name]
