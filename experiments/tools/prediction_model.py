"""Opens the model that ``predict`` is asked for."""

import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch
import yaml

from experiments.common.runs import RunFolder, choose_run, read_run_folder
from experiments.tools.finished_exports import lacks_model
from modules import load
from modules.inference import check_predicts
from modules.prompting.base import PromptingModule
from modules.registry import find


def open_model(wanted: str, output: str, backbone: str | None = None) -> Any:
    """Opens the model of a run (last, its id or its folder) or of an export.

    A run that only asked prompts is built again from its config, with its data where the prompts
    need them.

    Args:
        wanted: The run or the export.
        output: The folder in which all runs are kept.
        backbone: The backbone of an export that does not find its own.

    Raises:
        ValueError: If there is no such model, or it does not predict.
    """
    place = find_model(wanted, output)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    module = _prompted(place) if _asks_prompts(place) else load(place, device, backbone)
    check_predicts(module)
    return module.to(device).eval()


def find_model(wanted: str, output: str) -> Path:
    """The folder of a run (last, its id or its folder) or of an export.

    Raises:
        ValueError: If there is no such run.
    """
    place = Path(wanted).expanduser()
    if not place.is_dir():
        place = choose_run(wanted, Path(output), _lacks, "run with a model").path
    return place


def _lacks(run: RunFolder) -> str:
    """The reason for which a run cannot predict; empty if it can."""
    return "" if _asks_prompts(run.path) else lacks_model(run)


def _asks_prompts(folder: Path) -> bool:
    """Tells whether a folder is that of a run that trained nothing and asked prompts."""
    if read_run_folder(folder) is None or not (folder / "config.yaml").is_file():
        return False
    made = yaml.safe_load((folder / "config.yaml").read_text(encoding="utf-8"))["model"][
        "class_path"
    ]
    with suppress(ValueError):  # a class of the user's own that is gone: what opens it says so
        return issubclass(find(object, made), PromptingModule)
    return False


def _prompted(folder: Path) -> Any:
    """Builds the module of a run from its config, with the data that its prompts draw on."""
    from datamodules import SST2
    from experiments.runner.command_line import CommandLine  # with all of LightningCLI
    from modules import ZeroShot

    own = sys.argv
    sys.argv = [folder.parent.name, "--config", str(folder / "config.yaml")]  # what is parsed
    try:
        line = CommandLine(folder.parent.name, "", ZeroShot, SST2, {})
    finally:
        sys.argv = own
    return line.build().model
