"""Every family under every strategy: ``python -m tests.backbones --write docs/backbones.md``."""

import argparse
import os
import sys
import tempfile
from collections import Counter
from pathlib import Path

os.environ.setdefault("HF_HUB_OFFLINE", "1")

import transformers

from datamodules import argument_names
from tests.backbones import cells, families, objectives
from tests.backbones.table import Cells, page


def main() -> None:
    """Try all cells, and print or write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", nargs="*", default=list(families.FAMILIES))
    parser.add_argument("--write", type=Path, help="where the page goes")
    chosen = parser.parse_args()
    argument_names.on_command_line()  # a refusal names its flag first
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    found: Cells = {}
    columns = cells.COLUMNS | objectives.COLUMNS
    with tempfile.TemporaryDirectory() as scratch:
        os.environ["PRETUNE_CACHE"] = scratch
        for family in chosen.only:
            folder = families.make(family, Path(scratch))
            for (name, task), attempt in columns.items():
                cell = attempt(folder, Path(scratch) / "export")
                found[family, name, task] = cell
                if cell.verdict != "works":
                    print(family, name, task, cell.verdict, cell.reason, sep=" | ", flush=True)
    print(dict(Counter(cell.verdict for cell in found.values())), file=sys.stderr)
    if chosen.write:
        chosen.write.write_text(page(found), encoding="utf-8")


if __name__ == "__main__":
    main()
