"""Runs in which nothing is fitted: their record, their table, and what a mistake says."""

import pytest
import yaml

from modules import InContext, ZeroShot
from tests.experiments import running
from tests.experiments.running import result

ASKED = [
    *("--model.task.template", "{{ text }}\nIt was"),
    *("--model.task.verbalizer", '{"negative": "bad", "positive": "good"}'),
]


@pytest.fixture
def asked(experiment, llama):
    """zero_shot_sst2.py, or in_context_sst2.py where there are shots."""

    def call(*words, **settings):
        shots = any("shots" in word for word in words)
        name, model = ("in_context_sst2", InContext) if shots else ("zero_shot_sst2", ZeroShot)
        flags = ["--model.backbone", llama, *words]
        return experiment(*flags, **{"name": name, "model": model, **settings})

    return call


@pytest.mark.parametrize(
    "words",
    [["--model.calibration", "content_free"], ["--model.shots", "1", "--data.max_length", "9"]],
    ids=["zero", "one"],
)
def test_a_run_without_training_leaves_its_record(words, asked):
    ended = asked(*ASKED, *words, "--seed_everything", "3", tracked=True)
    assert ended.code == 0, ended.err
    found = result(ended.run)
    assert found["parameters"]["trainable"] == 0 and found["checkpoint_bytes"] == 0
    assert 0 <= found["metrics"]["test/accuracy"] <= 1 and "val/accuracy" in found["metrics"]
    assert found["tokens_per_second"] > 0 and found["seconds"] > 0
    assert not (ended.run / "checkpoints").exists() and not (ended.run / "export").exists()
    config = yaml.safe_load((ended.run / "config.yaml").read_text())
    assert config["model"]["init_args"]["task"]["init_args"]["template"] == ASKED[1]
    if "--model.shots" in words:
        assert config["seed_everything"] == 3 and found["config"]["seed_everything"] == 3
    assert r"asks   '{{ text }}\nIt was' -> bad | good" in ended.out
    assert "0 of" in ended.out and "test/accuracy" in ended.out and "scoring" in ended.out
    assert "checkpoints/" not in ended.out and "wandb leet" in ended.out
    tables = list(ended.run.glob("wandb/*/files/media/table/test/predictions*"))
    assert tables, list(ended.run.rglob("*"))


def test_prompt_based_fine_tuning_by_flag(experiment, llama):
    ended = experiment("--model.backbone", llama, "--model.task", "PromptedClassification", *ASKED)
    assert ended.code == 0, ended.err
    found = result(ended.run)
    assert found["parameters"]["trainable"] > 0 and "test/accuracy" in found["metrics"]
    assert (ended.run / "export" / "README.md").exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--model.task.template", "{{ body }}"], "--model.task.template: no column 'body' (there"),
        (["--model.task.template", "{{ text "], "--model.task.template: unexpected end"),
        (["--model.task.template", "sentimnt"], "--model.task.template sentimnt: neither Jinja"),
        (
            ["--model.task.template", "{{ text.__class__ }}"],
            "--model.task.template: access to attribute '__class__' of 'str' object is unsafe",
        ),
        (["--model.task.verbalizer", '{"negative": "", "positive": "x"}'], "the word is empty"),
        (
            ["--model.task.verbalizer", '{"negative": "x", "positive": "x"}'],
            "--model.task.verbalizer.positive x: is the word of 'negative' as well",
        ),
        (["--model.shots", "50"], "--model.shots 50: "),
        (["--model.shots", "0"], "--model.shots 0: must be a whole number above 0"),
    ],
)
def test_a_mistake_is_one_line(words, said, asked):
    ended = asked(*ASKED, *words)
    assert ended.code == 2 and said in ended.err, ended.err
    assert len(ended.err.strip().splitlines()) == 1, ended.err
    assert not ended.outputs.exists()


def test_another_task_is_one_line(asked):
    ended = asked("--model.task", "Classification")
    assert ended.code == 2 and "--model.task Classification: ZeroShot asks in words" in ended.err
    assert len(ended.err.strip().splitlines()) == 1, ended.err


def test_an_encoder_without_a_head_is_one_line(asked, bert):
    ended = asked("--model.backbone", bert, *ASKED)
    assert ended.code == 2 and "has no trained language model head" in ended.err
    assert len(ended.err.strip().splitlines()) == 1 and not ended.outputs.exists()


def test_seeds_of_the_run_are_those_of_the_examples(folder, asked):
    for seed in (1, 2, 3):
        words = ("--model.shots", "1", "--data.max_length", "9", "--seed_everything", seed)
        ended = asked(*ASKED, *map(str, words))
        assert ended.code == 0, ended.err
    runs = list(ended.outputs.glob("*/*"))
    assert len(runs) == 3
    assert len({tuple(running.result(run)["metrics"].values()) for run in runs}) > 1
