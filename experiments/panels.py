"""The W&B workspace and report of a project: which panels, and why these."""

import argparse
from pathlib import Path
from typing import Any

from experiments import extras
from experiments.comparison import FlagParser
from experiments.guard import guarded
from experiments.tracking.runs import LOWER_IS_BETTER, STEP


def main(file: str, doc: str) -> None:
    """Save workspace and report of the project that the command line names."""
    name = Path(file).name
    with guarded(name):
        asked = _parse(name, doc)
        entity, slash, project = asked.project.partition("/")
        if not (entity and project) or "/" in project:
            raise ValueError(f"{asked.project}: give entity/project, as in the address of a run")
        extras.needed("wandb_workspaces", "workspace", "saves workspaces")
        for made in (workspace(entity, project, asked), report(entity, project, asked)):
            made.save()
            print(f"done   {type(made).__name__.lower()} {made.url}")


def _parse(name: str, doc: str) -> argparse.Namespace:
    style = argparse.RawDescriptionHelpFormatter
    parser = FlagParser(name, description=doc, formatter_class=style, allow_abbrev=False)
    parser.add_argument("project", metavar="ENTITY/PROJECT", help="of W&B")
    parser.add_argument("--metric", default="test/accuracy", help="that counts (test/accuracy)")
    parser.add_argument("--by", default="model.class", help="setting to group by (model.class)")
    parser.add_argument("--name", default="Runs compared", help="of both (Runs compared)")
    return parser.parse_args()
