"""The ``pretune`` command: every tool under one name, as in ``pretune compare``."""

import ast
import importlib
import sys
from pathlib import Path

from datamodules.spelling import did_you_mean
from datamodules.text_tables import wrapped
from experiments.common.exits import guarded
from experiments.common.help_text import text_columns

TOOLS = (
    *("compare", "ablate", "sweep", "errors", "learning_curve", "dashboard", "lineage"),
    *("chat", "predict", "serve", "merge", "convert", "push"),
    *("prepare_corpus", "plan", "sync", "workspace", "cache"),
)


def main() -> None:
    """Runs the tool that the first word names, or lists all tools."""
    name, *words = sys.argv[1:] or ["--help"]
    name = name if name.startswith("-") else name.replace("-", "_")
    if name in ("-h", "--help"):
        with guarded("pretune"):
            print(_overview())
        return
    if name not in TOOLS:
        with guarded("pretune"):
            hint = did_you_mean(name, TOOLS) or "; `pretune --help` lists them"
            raise ValueError(f"{name}: there is no such tool{hint}")
    sys.argv = [f"pretune {name}", *words]
    importlib.import_module(f"experiments.tools.{name}").main()


def _overview() -> str:
    width = max(map(len, TOOLS))
    most, gap = text_columns(), " " * (width + 4)
    lines = [
        line
        for name in TOOLS
        for line in wrapped(_question(name), most, gap, f"  {name.ljust(width)}  ")
    ]
    head = wrapped("Tools for runs and data. `pretune TOOL --help` describes one of them.", most)
    return "\n".join(["usage: pretune TOOL ...", "", *head, "", *lines])


def _question(name: str) -> str:
    """The first line of a tool's docstring, read without an import."""
    text = ast.get_docstring(
        ast.parse(Path(__file__).with_name(f"{name}.py").read_text(encoding="utf-8"))
    )
    return (text or "").partition("\n")[0]
