"""Command lines parsed by the command that they are for, and nothing after it."""

import contextlib
import io
import runpy
import sys
from pathlib import Path
from typing import Any

import jsonargparse

from experiments.common.arguments import FlagParser
from experiments.runner import run_folder
from experiments.studies import dry_run, workers
from tests.experiments import shipped
from tests.pages import ROOT

PARSERS = (
    (FlagParser, "parse_args"),
    (FlagParser, "parse_intermixed_args"),
    (jsonargparse.ArgumentParser, "parse_args"),
)


def located(script: str, home: Path) -> Path:
    path = home / script if (home / script).is_file() else ROOT / script
    assert path.is_file(), f"{script}: there is no such file"
    return path


def parse_tool(script: Path, flags: list[str], monkeypatch) -> Any:
    """What a tool or a study makes of its flags: its real parser, and nothing after it."""
    found = []

    class Done(SystemExit):
        pass

    def stopping(parse):
        def parse_args(self, *args, **kwargs):
            found.append(parse(self, *args, **kwargs))
            raise Done

        return parse_args

    said = io.StringIO()
    with monkeypatch.context() as patch, contextlib.redirect_stderr(said):
        for parser, name in PARSERS:
            patch.setattr(parser, name, stopping(getattr(parser, name)))
        patch.setattr(sys, "argv", [str(script), *flags])
        try:
            runpy.run_path(str(script), run_name="__main__")
        except Done:
            return found[0]
        except SystemExit:
            pass
    raise ValueError(said.getvalue().strip() or f"{script.name}: did not parse its flags")


def resumable(script: Path, home: Path) -> None:
    """Make the folder of a run of the script that has been stopped."""
    needs = ["--data.path", "data/imdb"] if script.stem == "pretrain" else []
    (parsed,) = dry_run.parse(script, [needs])
    folder = home / "outputs" / script.stem / "261101-000000-abcd"
    if not folder.exists():
        with run_folder.released_at_end():
            run_folder.make(folder, parsed.config)
        (folder / "checkpoints" / "last.ckpt").touch()


def parse_all(lines: list[tuple[str, list[str]]], home: Path, monkeypatch) -> set[str]:
    """Parse every command line; returns the flags that their experiments know.

    Raises:
        ValueError: of the command whose flags are wrong.
    """
    asked: dict[Path, list[list[str]]] = {}
    for script, flags in lines:
        path = located(script, home)
        names = runpy.run_path(str(path)) if path.parent == ROOT / "experiments" else {}
        cut = flags.index("--") if "--" in flags else len(flags)
        if path.stem == "ablate":
            found = parse_tool(path, flags[:cut], monkeypatch)
            varied = dry_run.grid.varied(found.vary)
            dry_run.check(dry_run.script_of(found.script), varied, flags[cut + 1 :])
        elif path.parent.name == "tools":
            parse_tool(path, flags, monkeypatch)
        elif rows := names.get("ROWS", names.get("ORIGINS")):  # a study
            only = parse_tool(path, flags, monkeypatch).only
            if unknown := {*only} - {row.name.lower() for row in rows}:
                raise ValueError(f"--only {unknown}: no such row of {path.stem}")
            # The experiments that it would start; tests/experiments/test_shipped.py has those
            # without flags of the user's own.
            for row in names.get("ROWS", []) if flags[cut + 1 :] else []:
                if not only or row.name.lower() in only:
                    asked.setdefault(row.file, []).append([*row.flags, *flags[cut + 1 :]])
        elif not any(flag.startswith("--help") for flag in flags):
            if "--resume" in flags:
                resumable(path, home)
            asked.setdefault(path, []).append(flags)
    once = {
        path: [*{tuple(line): line for line in words}.values()] for path, words in asked.items()
    }
    # A user's file is parsed alone, as it defines the class that another may import.
    own = [path for path in once if not path.is_relative_to(ROOT)]
    parsed = [one for path in own for one in dry_run.parse(path, once.pop(path))]
    for found in workers.call(shipped.parse_all, once).values():
        parsed += found
    if wrong := [one for one in parsed if isinstance(one, str)]:
        raise ValueError(wrong[0])
    return {flag for one in parsed for flag in one.flags}
