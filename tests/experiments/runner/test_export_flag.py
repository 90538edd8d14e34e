"""--export: what a run leaves in its folder."""

import pytest
import transformers

import modules
from experiments.runner import training
from modules import load
from modules.exporting import export
from tests import tiny
from tests.experiments.running import finished


@pytest.mark.slow
def test_both_and_merged(experiment, monkeypatch):
    both = finished(experiment("--export", "both")).run
    assert (both / "export" / "adapter_config.json").is_file()
    merged = transformers.AutoModelForSequenceClassification.from_pretrained(both / "merged")
    assert merged.config.id2label == {0: "negative", 1: "positive"}
    assert (both / "merged" / "lineage.json").is_file()
    texts = ["good film", "bad film"]
    assert load(both / "merged").predict(texts) == load(both).predict(texts)

    def unable(*_):
        raise ValueError("peft does not merge it")

    monkeypatch.setattr(training, "merge", unable)
    ended = finished(experiment("--export", "merged", "--output", "other"))
    assert "not merged, and exported as it is: peft does not merge it" in ended.out
    (run,) = ended.outputs.with_name("other").glob("*/*")
    assert (run / "export" / "adapter_config.json").is_file()


def test_what_cannot_be_merged_is_refused_before_the_training(experiment, bert, tmp_path):
    ended = experiment("--export", "both", model=modules.Adapter)
    assert ended.code == 2 and ended.err.count("\n") == 1
    assert "--export both: Adapter adds layers" in ended.err
    assert not ended.outputs.exists()
    folder = export(tiny.make(modules.LoRA, bert), tmp_path / "adapter")
    ended = experiment("--model.backbone", folder)
    assert ended.code == 2 and ended.err.count("\n") == 1
    assert "adapter: an adapter of" in ended.err and "`pretune merge" in ended.err
    ended = experiment("--export", "all")
    assert ended.code == 2 and "--export all" in ended.err
