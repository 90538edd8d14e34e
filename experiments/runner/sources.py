"""Whether the catalogue of flags that the project carries is of these sources and versions.

A change in the body of a function changes no flag: files are compared by their interfaces, which
are definitions, signatures and docstrings, with the bodies of functions that run at import.
"""

import ast
import hashlib
import importlib.metadata
import json
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
FILE = Path(__file__).with_name("flags.json")
_PACKAGES = ("modules", "datamodules", "callbacks", "experiments/runner", "experiments/tracking")
# They make flags when they run, and count as a whole.
_WHOLE = {
    f"experiments/runner/{name}.py"
    for name in (
        "catalogue_entries",
        "catalogue_writer",
        "classes",
        "command_line",
        "compilation",
        "defaults",
        "imported_classes",
        "messages",
        "plain_parser",
        "run_flags",
        "unusable",
    )
} | {"modules/tuning.py"}
_AT_IMPORT = ("__init_subclass__", "__set_name__", "__class_getitem__")
_LIBRARIES = ("docstring-parser", "jsonargparse", "lightning", "peft", "torch", "transformers")


def facts() -> dict[str, Any]:
    """The versions, interfaces and scripts, as the catalogue keeps them."""
    called = sorted(_called([ast.parse(text) for _, text in _texts()]))
    return {
        "versions": versions(),
        "called": called,
        "files": {name: [digest(text), interface(text, name, called)] for name, text in _texts()},
        "scripts": {file.stem: script(file) for file in scripts()},
    }


def changed(kept: dict[str, Any]) -> list[str]:
    """The files of ours whose interface is not the one that is kept."""
    found, there = [], dict(_texts())
    for name, text in there.items():
        known = kept["files"].get(name, ["", ""])
        if digest(text) != known[0] and interface(text, name, kept["called"]) != known[1]:
            found.append(name)
    return [*found, *(kept["files"].keys() - there.keys())]


def read(name: str) -> dict[str, Any] | None:
    """The catalogue that the project carries; None if it does not hold for an experiment."""
    # A file that is half written is no Python: whatever imports it says so, with its name.
    with suppress(OSError, ValueError, KeyError, SyntaxError, ImportError):
        kept = json.loads(FILE.read_text(encoding="utf-8"))
        held = kept["scripts"][name] == script(ROOT / "experiments" / f"{name}.py")
        if held and kept["versions"] == versions() and not changed(kept):
            return kept
    return None


def versions() -> dict[str, str]:
    """The versions of Python and of the libraries that flags come from, without their builds."""
    # Python writes the same tree of source in other ways from version to version.
    python = f"{sys.version_info[0]}.{sys.version_info[1]}"
    found = {name: importlib.metadata.version(name).partition("+")[0] for name in _LIBRARIES}
    return {"python": python, **found}


def script(file: Path) -> str:
    """A digest of an experiment's script without its docstring, which is read where it is shown."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    return digest("\n".join(ast.dump(node) for node in tree.body[1:]))


def interface(text: str, name: str, called: list[str]) -> str:
    """A digest of what a file tells about flags.

    Args:
        text: The text of the file.
        name: Its name.
        called: The names of the functions that run at import, whose bodies count.
    """
    if name in _WHOLE:
        return digest(text)
    names = {*called}

    def counts(node: ast.FunctionDef) -> object:
        if node.name == "__init__":  # jsonargparse reads to what it passes its other arguments
            return node.args.vararg or node.args.kwarg
        return node.name.startswith("__") or node.name in names

    return digest(ast.dump(_Bodiless(counts).visit(ast.parse(text))))


def digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:16]


class _Bodiless(ast.NodeTransformer):
    """Leaves out the bodies of functions, but not those that count."""

    def __init__(self, counts: Callable[[ast.FunctionDef], object]) -> None:
        self.counts = counts

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.FunctionDef:
        if not self.counts(node):
            said = ast.get_docstring(node)
            node.body = [ast.Expr(ast.Constant(said))] if said else [ast.Pass()]
        return node

    visit_AsyncFunctionDef = visit_FunctionDef  # type: ignore[assignment]


def _called(trees: list[ast.Module]) -> set[str]:
    """The names of our functions that may run at import, and of those that they call."""
    bodies: dict[str, list[ast.AST]] = {}
    for node in [node for tree in trees for node in ast.walk(tree)]:
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            bodies.setdefault(node.name, []).extend(node.body)
    parts = [_Bodiless(lambda node: False).visit(tree) for tree in trees]
    found = {name for part in parts for name in _named(part)} & bodies.keys()
    found |= {name for name in bodies if name in _AT_IMPORT}
    return found | {
        name
        for one in found
        for body in bodies[one]
        for name in _named(body, bare=False)
        if name in bodies
    }


def _named(tree: ast.AST, bare: bool = True) -> Iterator[str]:
    """The names that some code calls; with ``bare`` also those that it passes on."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            yield getattr(node.func, "id", "") or getattr(node.func, "attr", "")
        elif isinstance(node, ast.Name) and bare and isinstance(node.ctx, ast.Load):
            yield node.id
        for one in getattr(node, "decorator_list", ()):
            yield getattr(one, "attr", "")


def _texts() -> Iterator[tuple[str, str]]:
    for package in _PACKAGES:
        for file in sorted((ROOT / package).rglob("*.py")):
            yield file.relative_to(ROOT).as_posix(), file.read_text(encoding="utf-8")


def scripts() -> list[Path]:
    """The experiments of ours that are one run each."""
    files = sorted((ROOT / "experiments").glob("*.py"))
    return [file for file in files if "experiments.runner.cli" in file.read_text(encoding="utf-8")]
