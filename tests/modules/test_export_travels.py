"""Every strategy, and every task: its export, moved and zipped, opens in a new process."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from modules.exporting import export
from tests import tiny
from tests.modules import cells
from tests.pages import ROOT

# What a stranger does: open each folder by load, and by the lines of its README, run in it.
OPEN = """
import contextlib, io, json, os, pathlib, sys
import modules
from tests.modules import cells
found = {}
for folder in sorted(pathlib.Path.cwd().iterdir()):
    texts = cells.PAIRS if "pairs" in folder.name else cells.TEXTS
    found[folder.name] = cells.answers(modules.load(folder), texts)
    os.chdir(folder)
    code = pathlib.Path("README.md").read_text().split("```python\\n")[1].split("```")[0]
    with contextlib.redirect_stdout(io.StringIO()):
        try:
            exec(code, {})
        except Exception as error:
            sys.exit(f"{folder.name}: {code}: {error!r}")
sys.stdout.write(json.dumps(found))
"""


def without_paths(folder: Path, place: Path) -> None:
    """No file of an export names the place where it was made."""
    for file in filter(Path.is_file, folder.rglob("*")):
        assert str(place).encode() not in file.read_bytes(), file


def opened_elsewhere(folder: Path, home: Path) -> dict:
    """What a process says that knows nothing of where the folder was made."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "HF_HUB_OFFLINE": "1"}
    environment |= {"PRETUNE_CACHE": str(home), "HF_HOME": str(home), "CUDA_VISIBLE_DEVICES": ""}
    done = subprocess.run(
        [sys.executable, "-c", OPEN], cwd=folder, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout)


# How a strategy stores its weights, and how a task does, are two formats: each strategy of a format
# of its own (an adapter of PEFT, one of this project, a whole network) with every task, each on one
# of the backbones; the others with a head and without one on both.
WITH_EVERY_TASK = ("LoRA", "Adapter", "FullFineTuning")
NAMES = list(cells.TASKS)
HALF = {"bert": NAMES[::2], "llama": NAMES[1::2]}
FEW = {"bert": ("class", "tags", "words"), "llama": ("pairs", "text")}


@pytest.fixture(scope="module")
def travelled(bert, llama, tmp_path_factory) -> tuple[dict, dict]:
    """What each export said where it was made, and what it says elsewhere in a new process."""
    place, wanted = tmp_path_factory.mktemp("places"), {}
    for name, source in (("bert", bert), ("llama", llama)):
        backbone = shutil.copytree(source, place / name)
        for strategy in tiny.STRATEGIES:
            tasks = (HALF if strategy.__name__ in WITH_EVERY_TASK else FEW)[name]
            for task, module, texts in cells.all_of(strategy, str(backbone), tasks):
                cell = f"{strategy.__name__}-{name}-{task}"
                wanted[cell] = cells.answers(module, texts)
                without_paths(export(module, place / "made" / cell), place)
        shutil.rmtree(backbone)
    packed = shutil.make_archive(str(place / "packed"), "zip", place / "made")
    shutil.rmtree(place / "made")
    shutil.unpack_archive(packed, place / "else where")
    return wanted, opened_elsewhere(place / "else where", place / "empty")


@pytest.mark.slow
@pytest.mark.parametrize("strategy", tiny.STRATEGIES, ids=lambda strategy: strategy.__name__)
def test_every_export_opens_elsewhere(strategy, travelled):
    wanted, found = travelled
    assert found.keys() == wanted.keys()
    own = [cell for cell in wanted if cell.startswith(f"{strategy.__name__}-")]
    assert len(own) >= (len(NAMES) if strategy.__name__ in WITH_EVERY_TASK else 2)
    for cell in own:
        if isinstance(wanted[cell][0], str):
            assert found[cell] == wanted[cell], cell
        else:
            # Of tags there are as many as words.
            for mine, row in zip(found[cell], wanted[cell], strict=True):
                assert np.allclose(mine, row, atol=1e-5), cell


@pytest.mark.parametrize("task", ["class", "mean"])
def test_an_export_names_no_place(task, bert, tmp_path):
    strategy = next(one for one in tiny.STRATEGIES if one.__name__ == "LoRA")
    backbone = shutil.copytree(bert, tmp_path / "bert")
    module = cells.stirred(strategy, str(backbone), cells.TASKS[task]())
    without_paths(export(module, tmp_path / "export"), tmp_path)
