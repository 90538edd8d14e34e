"""The help of an experiment: one screen, the help of each group in full, and its speed."""

import sys
from collections import Counter

import pytest


@pytest.mark.parametrize("flag", ["--help", "-h", "--model.rank 3 --help", "--data Many --help"])
def test_help_is_one_screen(shown, flag):
    lines = shown(flag).splitlines()
    assert len(lines) <= 50 and max(map(len, lines)) <= 80  # a terminal of no known width
    assert lines[:2] == ["Does LoRA learn SST-2?", "It does."]
    text = "\n".join(lines)
    for part in (
        "--model.rank 8 ",
        "Rank of the update\n",
        "--model.learning_rate 0.002 ",
        "--model.schedule linear",
        "--resume null",
        "--tracking.mode auto",
        "--trainer.max_epochs 3",
        "--trainer.precision null",
        "--help.trainer",
        "--print_config",
        "--model is one of Full, LoRA",
        "--model.task is one of Classification, Regression",
        "--trainer.callbacks+= is one of ",
        "--data is one of Files, Many, SST2",
    ):
        assert part in text, part
    assert "--data.tokenizer" not in text and "And more" not in text


def test_help_of_another_class(shown):
    text = shown("--model Full --data Files --help")
    assert "--model Full:" in text and "--model.rank" not in text
    assert "--model.learning_rate 2e-05" in text and "--model.warmup 0.2" in text
    assert "--data.source (required)" in text and "--data.batch_tokens 2048" in text


def test_help_in_full(shown):
    text = shown("--help.model")
    assert "--model.task.num_classes 2" in text and "A second sentence" in text
    assert "one of linear, cosine or constant" in " ".join(text.split())
    assert "LoRA: Low-rank updates." in text
    assert "Every weight." in shown("--help.model Full") and "--data.source" in shown("--help.data")
    trainer = shown("--help.trainer")
    assert "--trainer.val_check_interval" in trainer and "--trainer.max_epochs 3" in trainer


def test_help_is_quick(shown):
    """By the number of calls, with the parser's construction: it is the same on every machine."""
    calls = Counter()
    before = sys.getprofile()
    sys.setprofile(lambda frame, event, argument: calls.update([event]))
    try:
        shown("--help")
    finally:
        sys.setprofile(before)
    assert calls["call"] < 250_000  # twice what it takes


@pytest.mark.parametrize("columns", [40, 63])
@pytest.mark.parametrize(
    "flag", ["--help", "--help.model", "--help.trainer", "--help.trainer.callbacks EarlyStopping"]
)
def test_help_fits_a_narrow_terminal(shown, flag, columns, monkeypatch):
    monkeypatch.setenv("COLUMNS", str(columns))
    for line in shown(flag).splitlines():
        assert len(line) <= columns or len(line.split()) == 1, line  # a name is not broken
