"""A run from its flags to its result: what is on disk, on the screen and in the record."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch
import yaml

from experiments.tracking.keys import STEP
from tests.experiments import running
from tests.experiments.running import ROOT, config, finished, result

KEYS = [
    *("metrics", "config", "data", "inputs", "outputs", "parameters", "found", "profiles"),
    *("tokens", "tokens_per_second", "mfu", "origins"),
    *("peak_memory_bytes", "checkpoint_bytes", "seconds", "training_seconds"),
    *("seconds_to_first_step", "git_commit", "wandb", "best", "before", "ended", "report"),
    "compiled",
    *("name", "held_out", "warnings", "left_out", "notes", "metric_facts", "meaning"),
]


def test_folder_result_and_screens(experiment):
    ended = finished(experiment(tracked=True))
    run, found = ended.run, result(ended.run)
    files = {str(path.relative_to(run)) for path in run.iterdir()}
    folders = {"checkpoints", "export", "wandb"}
    kept = {"config.yaml", "run.json", "result.json", "predictions.parquet", "confusion.png"}
    assert files == kept | folders | {"curves.png"}
    assert {p.name for p in (run / "checkpoints").iterdir()} == {"best.ckpt", "last.ckpt"}
    assert sorted(found) == sorted(KEYS)
    assert {"val/accuracy", "test/accuracy", "test/loss"} <= set(found["metrics"])
    assert found["config"]["model"]["rank"] == 5 and "resume" not in found["config"]
    assert found["data"]["source"] == "files" and len(found["data"]["fingerprint"]) == 16
    assert found["parameters"]["trainable"] < found["parameters"]["total"]
    assert 0 < found["seconds_to_first_step"] < found["seconds"]
    assert 0 < found["training_seconds"] < found["seconds"] and 0 < found["mfu"] < 1
    assert found["tokens"] == 2 * found["data"]["tokens"]["train"]  # of two epochs
    commit = subprocess.run(
        ["git", "-C", ROOT, "rev-parse", "HEAD"], capture_output=True, text=True, check=True
    )
    assert found["git_commit"].removesuffix("-dirty") == commit.stdout.strip()
    assert Path(found["wandb"]).is_dir() and found["wandb"].startswith("outputs/")

    first = ended.out.splitlines()[:5]
    assert first[0].startswith("note   my.csv was split by text hash: ")
    assert first[1].startswith("data   files: my.csv (") and first[2].startswith("model  LoRA on ")
    assert first[3] == f"run    {run.relative_to(Path.cwd())} (my-lora)"
    assert first[4].startswith("track  W&B offline")
    last = ended.out.splitlines()[5:]
    assert last[1].split() == ["class", "train", "validation", "test", "example"]
    assert len(last) <= 29 + len(found["warnings"]) and str(Path.cwd()) not in "".join(last)
    assert f"test/accuracy  {found['metrics']['test/accuracy']:.4f} (95 % interval " in ended.out
    lines = ended.err.splitlines()  # a note on the new head, once a process, and the progress
    lines = [line for line in lines if "its files do not hold classifier" not in line]
    assert lines and all(line.startswith("epoch ") for line in lines), ended.err
    assert "loss" in lines[0] and "accuracy" in lines[0] and "tok/s" in lines[0]
    assert "val/accuracy" in lines[-1]

    look = next(line.split(": ", 1)[1].split() for line in last if line.startswith("values:"))
    shown = subprocess.run(
        [sys.executable, "-m", "wandb", *look[1:], "--json"], capture_output=True, text=True
    )
    assert json.loads(shown.stdout)["summary"]["test/accuracy"] == found["metrics"]["test/accuracy"]


def test_record(experiment):
    ended = finished(experiment("--model.rank", 3, "--tracking.tags+=mine", tracked=True))
    record, found = running.recorded(ended.run), result(ended.run)
    own = {key: record.config[key] for key in found["config"]}
    assert own == found["config"] and own["model"]["rank"] == 3
    assert record.config["dataset"] == found["data"]
    assert record.config["parameters"] == found["parameters"]
    assert record.config["git_commit"] == found["git_commit"]
    assert {"mine", "data:files"} <= set(record.facts["tags"]) and record.state == "finished"
    trained = [row for row in record.history if "train/loss" in row]
    assert [row[STEP] for row in trained] == list(range(len(trained)))
    assert all("train/accuracy" in row for row in trained)
    assert any(row.get("learning_rate/decay", 0) > 0 for row in record.history)
    scores = [row["val/accuracy"] for row in record.history if "val/accuracy" in row]
    assert len(scores) == 2 and record.summary["val/accuracy"]["max"] == max(scores)
    for key, value in found["metrics"].items():
        if key.startswith("test/"):
            assert record.summary[key] == value
    (table,) = (ended.run / "wandb").glob("offline-run-*/files/media/table/test/*.json")
    assert json.loads(table.read_text())["columns"][:3] == ["text", "label", "prediction"]


def test_config_of_a_run_makes_it_again(experiment):
    first = finished(experiment("--model.rank", 2, "--data.batch_tokens", 256))
    line = ["--config", first.run / "config.yaml", "--output", "again"]
    finished(experiment(*line, bare=True))
    (again,) = Path("again/lora_sst2").iterdir()
    assert result(again)["metrics"] == result(first.run)["metrics"]
    shown = experiment("--model.rank", 2, "--data.batch_tokens", 256, "--print_config")
    printed, saved = yaml.safe_load(shown.out), config(first.run)
    assert printed["model"]["init_args"]["rank"] == 2 and shown.code == 0
    assert saved["model"]["init_args"] | {"task": 0} == printed["model"]["init_args"] | {"task": 0}


@pytest.mark.parametrize(
    "words",
    [
        "--model FullFineTuning",
        "--model LoRA --model.targets attention",
        "--model.task.pooling mean",
        "--data IMDb --data.source my.csv --data.max_length 8",
        "--trainer.callbacks+=EarlyStopping --trainer.callbacks.monitor=val/loss",
        "--trainer.logger CSVLogger --trainer.logger.save_dir csv",
        "--trainer.callbacks+=TQDMProgressBar",
    ],
)
def test_swaps(experiment, words):
    ended = finished(experiment(*words.split(), "--trainer.max_epochs", 1))
    found = result(ended.run)
    asked = [word.split("=")[-1] for word in words.split() if not word.startswith("--")]
    assert all(f"'{word}'" in str(found["config"]) or word == "8" for word in asked), asked
    if "max_length" in words:
        assert found["data"]["cut_to_max_length"]["train"] > 0
        cut = found["data"]["cut_to_max_length"]["train"]
        rows = found["data"]["rows"]["train"]
        assert f"note   {cut} of {rows} train rows were cut at 8 tokens" in ended.out
    if "EarlyStopping" in words:
        held = torch.load(ended.run / "checkpoints" / "last.ckpt", weights_only=True)
        assert any("EarlyStopping" in key for key in held["callbacks"])
    if "CSVLogger" in words:
        (table,) = Path("csv").rglob("metrics.csv")
        assert "train/loss" in table.read_text().splitlines()[0]


@pytest.mark.parametrize("flag", ["enable_progress_bar", "enable_checkpointing"])
def test_what_the_trainer_is_told_to_leave_out(experiment, flag):
    ended = finished(experiment(f"--trainer.{flag}", "false", "--trainer.log_every_n_steps", 0))
    files = {file.name for file in (ended.run / "checkpoints").iterdir()}
    assert files == (set() if flag == "enable_checkpointing" else {"best.ckpt", "last.ckpt"})
    assert ("epoch 1/2" in ended.err) == (flag == "enable_checkpointing")


@pytest.mark.parametrize(
    ("words", "tested"),
    [
        ("--trainer.max_steps 2 --data.batch_tokens 64", True),
        ("--trainer.limit_val_batches 0", True),
        ("--trainer.fast_dev_run true", True),
        ("--trainer.limit_test_batches 0", False),
    ],
)
def test_no_validation_or_no_test(experiment, words, tested):
    ended = finished(experiment(*words.split(), "--trainer.check_val_every_n_epoch", 9))
    found = result(ended.run)
    assert ("test/accuracy" in found["metrics"]) == tested
    assert "val/accuracy" not in found["metrics"]
    assert "no validation chose a checkpoint: these are the last weights" in ended.out
    assert (ended.run / "export" / "adapter_config.json").exists()
    assert "Traceback" not in ended.err and "Warning" not in ended.err, ended.err


def test_loss_that_is_no_number(experiment):
    ended = experiment("--model.learning_rate", 1e30, "--model.warmup_ratio", 0, tracked=True)
    assert ended.code == 2
    line = ended.err.splitlines()[-1]
    assert line.startswith("lora_sst2.py: error: the loss is no longer a finite number at step ")
    assert (
        re.search(r"\(learning rate \d\S*e\+\d+\): lower --model.learning_rate", line)
        and "traceback" not in line
    )
    assert running.recorded(ended.run).state == "failed"
    for file in (ended.run / "checkpoints").iterdir():
        held = torch.load(file, weights_only=True)["state_dict"].values()
        assert all(value.isfinite().all() for value in held)
    assert not (ended.run / "result.json").exists() and not (ended.run / "export").exists()
