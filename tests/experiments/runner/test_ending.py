"""The reason for which a run ended, on its last screen and in its exit code."""

import json
import re
import shlex
from types import SimpleNamespace

import pytest
import torch

from experiments.runner import ending
from tests.experiments import running
from tests.experiments.running import result

SLOW = "--trainer.callbacks+=tests.experiments.signalling.Slow --trainer.callbacks.seconds="
EARLY = "--trainer.callbacks+=EarlyStopping --trainer.callbacks.monitor="


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        ("", r"all 2 epochs were trained, \d+ steps"),
        ("--trainer.max_epochs 1", r"1 epoch was trained, \d+ steps"),
        ("--trainer.max_steps 3", r"--trainer.max_steps 3 was reached in epoch 1"),
        (
            f"{EARLY}val/loss --trainer.callbacks.patience=1 --trainer.callbacks.min_delta=9 "
            "--trainer.max_epochs 5",
            r"early in epoch 2, after \d+ steps: val/loss did not fall 1 time in a row "
            r"\(best 0\.\d{4}\)",
        ),
        (
            f"{EARLY}val/accuracy --trainer.callbacks.stopping_threshold=0.01",
            r"early in epoch 1, after \d+ steps: val/accuracy reached the stopping_threshold 0.01",
        ),
        ("--trainer.limit_train_batches 0", "nothing was trained: .*limit_train_batches is 0"),
        ("--trainer.max_steps 0", "nothing was trained: --trainer.max_steps is 0"),
        ("--trainer.fast_dev_run true", "--trainer.fast_dev_run was over after 1 step"),
    ],
)
def test_the_last_screen_says_why_the_training_ended(experiment, words, reason):
    ended = experiment(*words.split())
    assert ended.code == 0, ended.err
    assert re.search(rf"^  ended +{reason}$", ended.out, re.M), ended.out
    nothing = "nothing" in reason
    assert (ended.run / "curves.png").is_file() != nothing
    known = json.loads((ended.run / "run.json").read_text())
    assert known["state"] == "finished" and re.fullmatch(reason, known["ended"])
    assert ("no validation chose a checkpoint: these are the first weights" in ended.out) == nothing


@pytest.mark.parametrize(
    ("words", "weights", "left_out"),
    [
        ("--trainer.max_epochs 1", "only validated", []),
        ("--trainer.limit_val_batches 0", "last", ["--trainer.limit_val_batches 0"]),
        (
            "--trainer.max_steps 1 --trainer.val_check_interval 1 --data.train_rows 50",
            "only validated",
            ["--data.train_rows 50", "2 of 3 training batches were never read"],
        ),
    ],
)
def test_weights_are_the_best_only_where_some_were_chosen(experiment, words, weights, left_out):
    ended = experiment(*words.split())
    assert ended.code == 0, ended.err
    assert f"my-lora: the {weights} weights on" in ended.out
    assert result(ended.run)["left_out"] == left_out
    assert all(reason in ended.out.split("my-lora: ")[1] for reason in left_out)
    assert ("best" in ended.out.split("my-lora: ")[1]) == bool(result(ended.run)["best"])


@pytest.mark.parametrize(
    ("train", "evaluated", "named"),
    [
        (35, 7, []),
        (100, 7, ["--data.train_rows 100"]),
        (35, 20, ["--data.eval_rows 20"]),
        (300, 20, ["--data.train_rows 100", "--data.eval_rows 20"]),
    ],
)
def test_a_limit_that_no_split_reaches_leaves_nothing_out(train, evaluated, named):
    trainer = dict.fromkeys(f"limit_{name}_batches" for name in ("train", "val", "test"))
    trainer |= {"overfit_batches": 0.0, "fast_dev_run": False}
    run = SimpleNamespace(
        config={"trainer": trainer, "data": {"train_rows": 100, "eval_rows": 20}},
        data={"rows": {"train": train, "validation": evaluated, "test": 5}},
        trainer=SimpleNamespace(global_step=4, num_training_batches=4, accumulate_grad_batches=1),
        model=SimpleNamespace(trains=True),
    )
    assert ending.left_out(run) == named


def test_a_run_that_measures_nothing_tells_its_training_loss(experiment):
    ended = experiment("--trainer.limit_val_batches", 0, "--trainer.limit_test_batches", 0)
    assert ended.code == 0, ended.err
    ((name, loss),) = result(ended.run)["metrics"].items()
    assert name == "train/loss" and 0 < loss < 9 and f"train/loss  {loss:.4f}" in ended.out
    assert "nothing was tested: --trainer.limit_test_batches is 0" in ended.out


@pytest.mark.slow
@pytest.mark.parametrize("words", ["", "--trainer.limit_val_batches 0"])
def test_a_time_limit_interrupts_a_run_that_can_go_on(experiment, words):
    words = f"{SLOW}0.4 {words} --trainer.max_epochs 2".split()
    ended = experiment(*words, "--trainer.max_time", "00:00:00:01")
    assert ended.code == 124, ended
    assert not (ended.run / "result.json").exists() and "done" not in ended.out
    known = json.loads((ended.run / "run.json").read_text())
    assert known["state"] == "interrupted" and "the time limit of 0:00:01" in known["ended"]
    line = ended.err.splitlines()[-1]
    assert re.match(
        r"lora_sst2.py: interrupted: the time limit of 0:00:01 was reached after \d steps, in "
        r"epoch 1. Go on with: .* --resume \S+ --trainer.max_time 00:00:00:02$",
        line,
    ), line
    held = torch.load(ended.run / "checkpoints" / "last.ckpt", weights_only=True)
    assert f"after {held['global_step']} steps" in line
    again = experiment("--resume", ended.run.name, bare=True)  # the limit counts both parts
    assert again.code == 124 and "was reached after" in again.err, again
    resume = shlex.split(line.partition("lora_sst2.py --")[2].partition(" --trainer")[0])
    after = experiment(f"--{resume[0]}", resume[1], "--trainer.max_time", "00:01:00:00", bare=True)
    assert after.code == 0, after
    assert "all 2 epochs were trained" in after.out and result(ended.run)["metrics"]
    if "--trainer.limit_val_batches" not in words:  # another validation may have been the best
        return
    whole = experiment(*words[words.index("--trainer.limit_val_batches") :], "--output", "whole")
    assert whole.code == 0, whole
    (other,) = ended.outputs.parent.glob("whole/*/*")
    files = [run / "export" / "adapter_model.safetensors" for run in (ended.run, other)]
    assert files[0].read_bytes() == files[1].read_bytes()


def test_a_time_limit_that_was_not_reached_changes_nothing(experiment):
    ended = experiment("--trainer.max_time", "00:01:00:00")
    assert ended.code == 0 and "all 2 epochs were trained" in ended.out, ended


def test_a_metric_that_is_no_number_is_null_and_said(experiment, folder):
    lines = [f"a film of the {word} kind number {n},3.0" for n, word in enumerate("abcdefgh" * 12)]
    (folder / "constant.csv").write_text("\n".join(["text,label", *lines]) + "\n")
    ended = experiment("--data.source", "constant.csv", "--model.task", "Regression")
    assert ended.code == 0, ended
    text = (ended.run / "result.json").read_text()
    found = json.loads(text, parse_constant=pytest.fail)
    assert found["metrics"]["val/pearson"] is None
    assert found["metrics"]["val/loss"] > 0
    assert re.search(r"^  val/pearson +not a number$", ended.out, re.M), ended.out
    assert re.search("note: not a finite number, so null in result.json: .*val/pearson", ended.out)


@pytest.mark.slow
def test_the_record_of_a_time_limit_is_interrupted(experiment):
    words = [*f"{SLOW}0.4 --trainer.max_time 00:00:00:01".split(), "--trainer.max_epochs", 3]
    ended = experiment(*words, tracked=True)
    assert ended.code == 124 and running.recorded(ended.run).state == "interrupted"


def test_result_json_holds_all_validation_metrics_of_the_best_checkpoint(experiment):
    ended = experiment()
    names = [name for name in result(ended.run)["metrics"] if name.startswith("val/")]
    assert names[0] == "val/accuracy" and sorted(names) == ["val/accuracy", "val/f1", "val/loss"]
    assert "val/f1" not in ended.out.split("done")[0].split("my-lora: ")[-1]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("--trainer.default_root_dir elsewhere", "a run's folder is below --output"),
        ("--trainer.barebones true", "leaves out checkpoints, callbacks and records"),
    ],
)
def test_flags_that_would_have_no_effect_are_refused(experiment, words, said):
    ended = experiment(*words.split())
    assert ended.code == 2 and said in ended.err, ended
    assert len(ended.err.strip().splitlines()) == 1 and not ended.outputs.exists()
