"""Tuned settings from Python: those of bases, of a kind of backbone, and of a task."""

import json

import pytest

from datamodules import packaged
from modules import Adapter, CausalLM, LinearProbe, LoRA, MaskedLM, tuned_settings, tuning
from modules.tuning import Tuned


def test_as_arguments():
    assert tuned_settings(LinearProbe, "minilm") == {
        "model": {},
        "task": {"pooling": "mean"},
        "data": {"batch_tokens": 4096},
        "trainer": {"max_epochs": 20},
    }
    found = tuned_settings(LoRA, "smollm2", "PairClassification")
    assert found["model"] == {"learning_rate": 5e-4} and found["trainer"] == {"max_epochs": 3}
    assert tuned_settings(MaskedLM, None)["model"]["learning_rate"] == 3e-3
    going_on = {"learning_rate": 1e-4, "embedding_lr_multiplier": 1.0}
    assert tuned_settings(MaskedLM, "minilm")["model"] == going_on
    assert tuned_settings(CausalLM, "smollm2")["model"] == {**going_on, "learning_rate": 2e-5}
    assert tuned_settings(CausalLM, None)["model"]["cooccurrence"] is True


def test_bases_come_first_then_backbones_then_tasks():
    class _Mine(Adapter):
        tuned = (
            Tuned("trainer.max_epochs", 8, "x", task="Regression"),
            Tuned("trainer.max_epochs", 7, "x", backbone="decoder"),
            Tuned("trainer.max_epochs", 6, "x"),
        )

    for backbone, task, epochs in (
        ("minilm", None, 6),
        ("smollm2", None, 7),
        ("smollm2", "Regression", 8),
    ):
        assert tuned_settings(_Mine, backbone, task)["trainer"] == {"max_epochs": epochs}
    assert tuned_settings(_Mine, "minilm")["model"] == {"reduction_factor": 4}  # of Adapter


@pytest.mark.parametrize(
    ("config", "files", "kinds"),
    [
        ({"model_type": "bert"}, (), ("pretrained", "encoder")),
        ({"model_type": "mpnet"}, ("modules.json",), ("pretrained", "encoder", "sentence encoder")),
        ({"model_type": "bert", "is_decoder": True}, (), ("pretrained", "decoder")),
        ({"model_type": "qwen3"}, ("modules.json",), ("pretrained", "decoder")),
        ({"model_type": "t5", "is_encoder_decoder": True}, (), ("pretrained",)),
    ],
)
def test_kinds_of_a_folder(tmp_path, config, files, kinds):
    (tmp_path / "config.json").write_text(json.dumps(config))
    for name in files:
        (tmp_path / name).write_text("[]")
    assert tuning.kinds_of(str(tmp_path)) == kinds


def test_what_cannot_be_read_has_no_kind(tmp_path):
    assert tuning.kinds_of(str(tmp_path)) == ()
    (tmp_path / "config.json").write_text("{")
    assert tuning.kinds_of(str(tmp_path)) == ()


@pytest.mark.slow
@pytest.mark.parametrize("name", packaged.BACKBONES)
def test_bundled_ones_are_of_the_kinds_that_their_files_tell(name):
    assert tuning.kinds_of(name) == tuning.kinds_of(packaged.locate(name))
