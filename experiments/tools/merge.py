"""Can any program open my fine-tuned model? Merges a trained update into its backbone.

    python experiments/tools/merge.py last                       # into RUN/merged
    python experiments/tools/merge.py RUN --output my-model
    python experiments/tools/merge.py FOLDER                     # an export, or an adapter of peft

The result is an ordinary folder of transformers with fp32 weights, which `pipeline` and other
programs open without Pretune or peft; its logits are checked against those of the model as trained.
transformers has no class for a mean-pooled head: there the folder holds the merged encoder with the
head beside it, which `modules.load` and `pretune predict` open. Soft prompts and bottleneck layers
are no part of a model of transformers and are refused.
"""

import argparse
from pathlib import Path
from typing import Any

from experiments.common.arguments import FlagParser
from experiments.common.exits import guarded
from experiments.common.shell import command_name, relative
from experiments.tools.finished_exports import find_export, new_folder


def main() -> None:
    """Merges the export of a run, or an adapter."""
    with guarded(command_name()):
        asked = _parse()
        source = find_export(asked.model, asked.runs)
        folder = new_folder(asked.output, source, "merged")
        own = (source / "module.json").is_file()
        if not own and not (source / "adapter_config.json").is_file():
            raise ValueError(
                f"{asked.model}: nothing to merge: an ordinary folder of transformers already"
            )
        # torch and transformers, which --help and a mistake in the folders spare
        said = _merge(source, folder, asked.backbone) if own else _merge_peft(source, folder)
        size = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
        print(f"{said}\nmerged {relative(folder.absolute())} ({size / 1e6:,.1f} MB)")


def _merge(source: Path, folder: Path, backbone: str | None) -> str:
    """Merges an export of Pretune; returns a line on what was done."""
    from experiments.tracking import provenance
    from modules import load
    from modules.merging import is_ordinary, merge

    module: Any = load(source, backbone=backbone)
    name = getattr(module, "strategy", type(module).__name__)
    try:
        merge(module, folder)
    except ValueError as error:
        raise ValueError(f"{source}: {error}") from error
    if (source / provenance.LINEAGE_FILE).is_file():  # as the export's own
        made = provenance.read_lineage(source)
        kept = {key: made.get(key) for key in ("run", "commit", "inputs")}
        provenance.write_lineage(folder, f"{made['name']}-merged", kept)
    said = f"update of {name}, added to the weights of {module.read_backbone['name']} in fp32"
    if is_ordinary(module):
        said = f"nothing to merge: the weights of {name} are the model's own; copied"
    if module.task.pooling == "mean":
        said += "\nhead   mean-pooled: `pipeline` cannot open it, modules.load and predict can"
    return said


def _merge_peft(source: Path, folder: Path) -> str:
    """Merges an adapter that another program wrote; returns a line on what was done."""
    from modules.foreign_adapters import merge_adapter

    return merge_adapter(source, folder)


def _parse() -> argparse.Namespace:
    parser = FlagParser(__doc__)
    add = parser.add_argument
    add("model", metavar="RUN", help="Run: last, its id or folder; or the folder of an export")
    add("--output", metavar="FOLDER", help="New folder to write (RUN/merged, or FOLDER-merged)")
    add("--backbone", metavar="FOLDER", help="Folder of the backbone, if it is not found by name")
    add("--runs", default="outputs", help="Folder in which all runs are kept (outputs)")
    return parser.parse_args()


if __name__ == "__main__":
    main()
