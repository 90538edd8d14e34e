"""What looks wrong with a run is said before training, in a line with a remedy."""

import re

import pytest

from tests.experiments import running
from tests.experiments.running import result

EARLY = "--trainer.callbacks+=EarlyStopping --trainer.callbacks.monitor=val/loss"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (
            "",
            r"few steps: the training has \d steps, an epoch \d: less --data.batch_tokens, or more",
        ),
        ("", "few rows: validation has 12 rows and test has "),
        ("--trainer.limit_val_batches 0", "no validation: --trainer.limit_val_batches 0 leaves"),
        ("--data.batch_size 50 --trainer.max_epochs 9", "validation after each 2 steps"),
        ("--trainer.val_check_interval 1", "validation after each step, which takes longer"),
        ("--trainer.val_check_interval 0:0:0:9", "few steps: the training has "),
        (
            "--data.batch_size 200 --trainer.max_epochs 9 --trainer.check_val_every_n_epoch 2",
            "validation after each 2 steps.* a larger --trainer.check_val_every_n_epoch",
        ),
        ("--model.warmup_ratio 0.9", "long warm-up: the learning rate rises in 90% of the steps"),
        (f"{EARLY} --trainer.callbacks.patience=3", "patience: EarlyStopping waits for 3 valid"),
        ("", "unknown: "),
    ],
)
def test_a_warning_before_training_has_rule_and_remedy(experiment, words, said):
    ended = experiment(*words.split())
    assert ended.code == 0, ended
    (line,) = [line for line in ended.out.splitlines() if re.match(said, line)]
    assert line in result(ended.run)["warnings"]
    assert ended.out.index(line) < ended.out.index("\nmy-lora: ")


def test_a_usual_run_is_not_warned(experiment, folder):
    running.write_rows(folder / "more.csv", 400)
    words = "--data.source more.csv --data.batch_size 16 --data.batch_tokens 99"
    ended = experiment(
        *words.split(),
        f"{EARLY} --trainer.callbacks.patience=1".split()[0],
        *("--trainer.callbacks.monitor=val/loss", "--trainer.callbacks.patience=1"),
    )
    assert ended.code == 0, ended
    said = [line.partition(":")[0] for line in result(ended.run)["warnings"]]
    assert said == ["unknown"], said  # of the tests' tokenizer
