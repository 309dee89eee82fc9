"""README, pages and docstrings are true: what they show in Python is run, and what they tell to type is checked.

In Markdown, blocks marked ``python`` are run, those of one page in one namespace and in an empty folder; blocks marked
``sh`` are commands, each of a kind that this file knows how to check. Everything else is marked ``text``.
"""

from __future__ import annotations

import doctest
import importlib
import inspect
import json
import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
SCRIPTS = [
    path
    for folder in ("examples", "benchmarks", "tools")
    for path in sorted((ROOT / folder).glob("*.py"))
    if "__main__" in path.read_text()
]
AGAINST_PYTORCH = [path for path in SCRIPTS if '"torch"' in path.read_text()]  # tests/oracle runs them
FENCE = re.compile(r"^( *)```(\w*)[^\n]*\n(.*?)^\1```", re.MULTILINE | re.DOTALL)
PLAIN = ("text", "json", "toml", "make")


def relative(path: Path) -> str:
    return str(path.relative_to(ROOT))


def blocks(page: Path, *languages: str) -> list[tuple[int, str]]:
    """The line before each block of these languages, and its text."""
    text = page.read_text()
    return [
        (text.count("\n", 0, found.start(3)), found[3]) for found in FENCE.finditer(text) if found[2] in languages
    ]


def commands() -> list[tuple[str, str]]:
    """Every line of every block of shell commands and every command in a line of text, with its page."""
    found: list[tuple[str, str]] = []
    for page in PAGES:
        lines = [line.partition(" #")[0].strip() for _, text in blocks(page, "sh") for line in text.splitlines()]
        lines += re.findall(r"`((?:make|pip|\.venv/bin/\w+) [^`]+)`", page.read_text())
        found += [(relative(page), line) for line in dict.fromkeys(lines) if line and not line.startswith("#")]
    return found


# ---------------------------------------------------------------------- Python

RUN_PAGE = """
import doctest, json, sys
name, blocks = json.load(sys.stdin)
namespace = {"__name__": "__main__"}
runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS)
for line, text in blocks:
    if ">>>" in text:
        runner.run(doctest.DocTestParser().get_doctest(text, namespace, name, name, line), clear_globs=False)
    else:
        exec(compile("\\n" * line + text, name, "exec"), namespace)
sys.exit(runner.failures > 0)
"""


@pytest.mark.parametrize("page", PAGES, ids=relative)
def test_every_block_is_marked_with_its_language(page: Path) -> None:
    languages = {found[2] for found in FENCE.finditer(page.read_text())}
    assert languages <= {"python", "sh", *PLAIN}


@pytest.mark.parametrize("page", PAGES, ids=relative)
def test_links_within_the_project_lead_somewhere(page: Path) -> None:
    links = [link for link in re.findall(r"\]\(([^)#]+)", page.read_text()) if "://" not in link]
    assert [link for link in links if not (page.parent / link).exists()] == []


def test_the_readme_leads_to_every_page() -> None:
    readme = PAGES[0].read_text()
    assert [relative(page) for page in PAGES[1:] if f"]({relative(page)})" not in readme] == []


@pytest.mark.parametrize("page", [page for page in PAGES if blocks(page, "python")], ids=relative)
def test_the_python_of_a_page_runs(page: Path, tmp_path: Path, clean_environment: dict[str, str]) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", RUN_PAGE],
        input=json.dumps([str(page), blocks(page, "python")]),
        cwd=tmp_path, env=clean_environment, capture_output=True, text=True, check=False, timeout=100,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr


class Finder(doctest.DocTestFinder):
    """Also finds the docstrings of decorated functions, whose globals are the decorator's."""

    def _from_module(self, module: ModuleType | None, object: Any) -> bool:
        mine = getattr(object, "__module__", None) == getattr(module, "__name__", None)
        return (mine and inspect.isroutine(object)) or super()._from_module(module, object)  # type: ignore[misc]


def modules_with_examples() -> list[str]:
    files = [path for path in sorted((ROOT / "lepton").rglob("*.py")) if ">>>" in path.read_text()]
    return [".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__") for path in files]


@pytest.mark.parametrize("name", modules_with_examples())
def test_the_examples_in_docstrings_hold(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE)
    told: list[str] = []
    for test in Finder(exclude_empty=True).find(importlib.import_module(name), name):
        runner.run(test, out=told.append)
    assert runner.tries, f"no example of {name} was found"
    assert not runner.failures, "".join(told)


def test_the_readme_tells_every_extra_and_every_target_of_make() -> None:
    told, makefile = PAGES[0].read_text(), (ROOT / "Makefile").read_text()
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    assert [name for name in extras if not re.search(rf"^\|[^|]*`{name}`", told, re.MULTILINE)] == []
    targets = set(re.findall(r"^([a-z-]+):.* ## ", makefile, re.MULTILINE)) - {"help"}
    assert {name for name in targets if f"`make {name}`" not in told} == set()


# ---------------------------------------------------------------------- commands


def run(*command: str, cwd: Path, environment: dict[str, str]) -> str:
    """What a command prints, which has to succeed."""
    done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False, timeout=100)
    assert done.returncode == 0, f"{shlex.join(command)}\n{done.stdout}{done.stderr}"
    return done.stdout


def check_make(arguments: list[str], environment: dict[str, str]) -> None:
    run("make", "--dry-run", *arguments, cwd=ROOT, environment=environment)


def check_pip(arguments: list[str], environment: dict[str, str]) -> None:
    assert arguments[0] == "install"
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    wanted = re.findall(r"\[([\w,]+)\]", " ".join(arguments))
    assert all(extra in extras for names in wanted for extra in names.split(","))


def check_python(arguments: list[str], environment: dict[str, str]) -> None:
    """A script of ours is there and knows the options; that it runs is tested below."""
    count = 2 if arguments[0] == "-m" else 1
    script = arguments[count - 1]
    assert count == 2 or ROOT / script in SCRIPTS, f"there is no script {script}"
    told = run(sys.executable, *arguments[:count], "--help", cwd=ROOT, environment=environment)
    for option in arguments[count:]:
        assert not option.startswith("-") or re.search(rf"{option.partition('=')[0]}\b", told), f"{option} of {script}"


def check_pytest(arguments: list[str], environment: dict[str, str]) -> None:
    collect = ["--collect-only", "--quiet", "-p", "no:cacheprovider"]
    run(sys.executable, "-m", "pytest", *collect, *arguments, cwd=ROOT, environment=environment)


def check_elsewhere(arguments: list[str], environment: dict[str, str]) -> None:
    """Clones and changes of folder are the reader's own."""


CHECKS = {
    "make": check_make,
    "pip": check_pip,
    "python": check_python,
    "pytest": check_pytest,
    "git": check_elsewhere,
    "cd": check_elsewhere,
}


@pytest.mark.parametrize(("page", "command"), commands())
def test_commands_exist(page: str, command: str, clean_environment: dict[str, str]) -> None:
    first, *arguments = shlex.split(command)
    kind = Path(first).name
    assert kind in CHECKS, f"{page}: teach {relative(Path(__file__))} how to check '{kind}', or mark the block as text"
    CHECKS[kind](arguments, clean_environment)


def check_script(script: Path, folder: Path, environment: dict[str, str]) -> None:
    """``--smoke`` is the shortest run that passes through all of a script; one without it tells how it is used."""
    option = "--smoke" if "--smoke" in script.read_text() else "--help"
    assert option == "--smoke" or script.parent.name != "examples"
    run(sys.executable, str(script), option, cwd=folder, environment=environment)


@pytest.mark.parametrize("script", [each for each in SCRIPTS if each not in AGAINST_PYTORCH], ids=relative)
def test_every_script_runs(script: Path, tmp_path: Path, clean_environment: dict[str, str]) -> None:
    check_script(script, tmp_path, clean_environment)


def test_generated_files_are_up_to_date(clean_environment: dict[str, str]) -> None:
    run(sys.executable, "tools/generate.py", "--check", cwd=ROOT, environment=clean_environment)
