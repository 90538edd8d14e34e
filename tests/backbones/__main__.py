"""Every family under every strategy: ``python -m tests.backbones --write docs/backbones.md``."""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

os.environ.setdefault("HF_HUB_OFFLINE", "1")

import transformers

from datamodules import argument_names
from tests.backbones import cells, families, objectives
from tests.backbones.cells import Cell
from tests.backbones.table import Cells, page

_ROOT = Path(__file__).parents[2]


def main() -> None:
    """Try all cells, and print or write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", nargs="*", default=families.SHOWN, help="model types")
    parser.add_argument("--write", type=Path, help="where the page goes")
    parser.add_argument("--kept", type=Path, help="where cells are kept, to go on after a stop")
    chosen = parser.parse_args()
    argument_names.on_command_line()  # a refusal names its flag first
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    found, tried_at = Cells(), commit()
    with tempfile.TemporaryDirectory() as scratch:
        os.environ["PRETUNE_CACHE"] = scratch
        for family in chosen.only:
            file = chosen.kept / tried_at / f"{family}.json" if chosen.kept else None
            if file is None or not file.is_file():
                made = tried(family, Path(scratch))
                if file is not None:
                    file.parent.mkdir(parents=True, exist_ok=True)
                    file.write_text(json.dumps(made), encoding="utf-8")
            else:
                made = json.loads(file.read_text(encoding="utf-8"))
            found |= {(family, name, task): Cell(*cell) for name, task, cell in made}
            if chosen.write:  # after each family, in case of a stop
                chosen.write.write_text(page(found, tried_at), encoding="utf-8")
    print(dict(Counter(cell.verdict for cell in found.values())), file=sys.stderr)


def tried(family: str, scratch: Path) -> list[tuple[str, str, Cell]]:
    """Return the cells of a family by column, and print those that do not work."""
    folder, made = families.make(family, scratch), []
    for (name, task), attempt in (cells.COLUMNS | objectives.COLUMNS).items():
        cell = attempt(folder, scratch / "export")
        made.append((name, task, cell))
        if cell.verdict != "works":
            print(family, name, task, cell.verdict, cell.reason, sep=" | ", flush=True)
    return made


def commit() -> str:
    """Return the short name of the commit, with a mark where files differ from it."""
    told = subprocess.run(
        ["git", "describe", "--always", "--dirty", "--exclude", "*"],
        cwd=_ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    return told.stdout.strip()


if __name__ == "__main__":
    main()
