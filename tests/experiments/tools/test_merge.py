"""merge.py: what it writes and says, and its one-line errors."""

import json
import shutil
from functools import partial

import peft
import pytest
import torch
import transformers

import modules
from experiments.tools import finished_exports, merge
from modules import load, merging
from modules.exporting import export
from tests.modules import cells


@pytest.fixture(scope="module")
def made(bert, tmp_path_factory):
    """A run of LoRA that is finished."""
    run = tmp_path_factory.mktemp("made") / "a-run"
    run.mkdir()
    known = {"id": "a-run", "experiment": "lora_sst2", "started": "2026-01-01T00:00:00+00:00"}
    (run / "run.json").write_text(json.dumps(known))
    (run / "result.json").write_text("{}")
    module = cells.stirred(modules.LoRA, bert, cells.TASKS["class"]())
    export(module, run / "export")
    return module, run


@pytest.fixture
def run(piped):
    return partial(piped, merge)


def test_a_run_is_merged_beside_its_export(made, run, folder):
    module, source = made
    place = shutil.copytree(source, folder / "outputs" / "lora_sst2" / "a-run")
    ended = run("last")
    assert ended.code == 0, ended.err
    assert "update of LoRA, added to the weights of" in ended.out
    assert "merged outputs/lora_sst2/a-run/merged (" in ended.out
    ask = transformers.pipeline("text-classification", str(place / "merged"))
    wanted = module.predict(cells.TEXTS)
    assert [one["label"] for one in ask(cells.TEXTS)] == wanted
    again = run("last")
    assert again.code == 2 and "merged: is there already; remove it" in again.err
    assert run(str(place / "merged"), "--output", "twice").out.startswith(
        "nothing to merge: the weig"
    )
    assert load("twice").predict(cells.TEXTS) == wanted


def test_bad_input_is_one_line_and_leaves_nothing(made, run, folder, bert, monkeypatch):
    _, source = made
    export(cells.stirred(modules.Adapter, bert, cells.TASKS["class"]()), folder / "layers")
    half = shutil.copytree(source, folder / "half")
    weights = half / "export" / "adapter_model.safetensors"
    cut = weights.read_bytes()[:100]
    weights.unlink()
    weights.write_bytes(cut)
    (folder / "full").mkdir()
    (folder / "full" / "a-file").write_text("")
    before = sorted(folder.rglob("*"))
    for words, said in (
        (["nowhere"], "nowhere: no such run in outputs"),
        ([bert], "nothing to merge: an ordinary folder of transformers already"),
        (["layers"], "layers: Adapter adds layers"),
        (["half"], "it may be half written"),
        ([source, "--output", "full"], "--output full: is there already"),
        ([source, "--output", "my.csv"], "--output my.csv: is there already"),
        ([source, "--output", "my.csv/in"], "my.csv is no folder"),
        ([source, "--output", source / "export" / "in"], "lies in the export itself"),
        ([source, "--backbone", "nowhere", "--output", "x"], "--backbone nowhere: cannot be read"),
    ):
        ended = run(*map(str, words))
        assert ended.code == 2 and said in ended.err and ended.err.count("\n") == 1, ended
    monkeypatch.setattr(finished_exports.os, "access", lambda *_: False)
    assert "cannot be written" in run(str(source), "--output", "x").err

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.undo()
    monkeypatch.chdir(folder)
    monkeypatch.setattr(merging, "write_ordinary", full)
    ended = run(str(source), "--output", "x")
    assert ended.code == 2 and "no space left to write" in ended.err
    assert sorted(folder.rglob("*")) == before


def test_an_adapter_of_peft_itself_is_merged(bert, run, folder):
    base = transformers.AutoModelForSequenceClassification.from_pretrained(bert, num_labels=3)
    config = peft.LoraConfig(task_type="SEQ_CLS", target_modules=["query"])
    model = peft.get_peft_model(base, config).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.05 * torch.randn_like(parameter) * parameter.requires_grad)
    model.peft_config["default"].base_model_name_or_path = bert
    model.save_pretrained(folder / "foreign")
    ended = run("foreign")
    assert ended.code == 0, ended.err
    merged = transformers.AutoModelForSequenceClassification.from_pretrained("foreign-merged")
    ids = torch.arange(1, 9)[None]
    with torch.no_grad():
        torch.testing.assert_close(merged(ids).logits, model(ids).logits, atol=1e-5, rtol=1e-5)
    file = folder / "foreign" / "adapter_config.json"
    known = json.loads(file.read_text())
    for change, said in (
        ({"base_model_name_or_path": "nobody/nothing"}, "the base of this adapter: nobody/nothing"),
        ({"base_model_name_or_path": None}, "names no base_model_name_or_path"),
        ({"task_type": None}, "adapter_config.json has no task_type of"),
        ({"peft_type": "NEW"}, "cannot be read"),
    ):
        file.write_text(json.dumps({**known, **change}))
        ended = run("foreign", "--output", "other")
        assert ended.code == 2 and said in ended.err and ended.err.count("\n") == 1, ended
    assert not (folder / "other").exists()
