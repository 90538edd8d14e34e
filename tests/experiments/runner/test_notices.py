"""Warnings and Lightning's remarks are notes of one line; the user's own filters stay in force."""

import logging
import subprocess
import sys
import warnings

import pytest

from experiments.common import notices
from tests.experiments.running import ROOT


@pytest.fixture
def shown(capsys, monkeypatch):
    """Show warnings as notes in this test; returns the lines that were printed."""
    monkeypatch.setattr(notices, "_said", set())
    names = ("lightning.pytorch", "lightning.fabric")
    before = {n: (logging.getLogger(n).handlers, logging.getLogger(n).propagate) for n in names}
    with warnings.catch_warnings():
        notices.show_as_notes()
        yield lambda: capsys.readouterr().err.splitlines()
    for name, (handlers, propagate) in before.items():
        logging.getLogger(name).handlers = handlers
        logging.getLogger(name).propagate = propagate


def test_a_warning_is_a_note_without_its_source_line_and_comes_once(shown):
    for text in ("the file has\n   two columns", "another", "the file has\n   two columns"):
        warnings.warn(text, UserWarning, stacklevel=1)
    assert shown() == ["note   the file has two columns", "note   another"]


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("Metric val/loss improved. New best score: 0.828", 1),
        ("`Trainer(limit_train_batches=1)` was configured so 1 batch per epoch will be used.", 1),
        ("Trainer will use only 1 of 2 GPUs because it is running inside a notebook", 1),
        ("Learning rate set to 0.001", 1),
        ("[rank: 0] Metric val/loss improved by 0.1", 1),
        ("GPU available: False, used: False", 0),
        ("`Trainer.fit` stopped: `max_epochs=2` reached.", 0),
        ("[rank: 0] Received SIGTERM: 15", 0),
    ],
)
def test_a_remark_of_lightning_is_shown_if_it_may_answer_a_flag(text, lines, shown):
    logging.getLogger("lightning.pytorch.some.module").info(text)
    assert shown() == [f"note   {text.removeprefix('[rank: 0] ')}"] * lines


def test_a_table_of_lightning_stays_a_table(shown):
    logging.getLogger("lightning.pytorch.callbacks.model_summary").info("\n  | Name\n--+-----")
    assert shown() == ["  | Name", "--+-----"]


SCRIPT = """
import sys
sys.path.insert(0, {root!r})
sys.path.insert(0, {root!r} + "/experiments")
import experiments
import warnings
warnings.warn_explicit("old habit", FutureWarning, "transformers/x.py", 1, "transformers.x")
warnings.warn("my own")
print("went on")
"""


@pytest.mark.parametrize(
    ("options", "variables", "out", "err"),
    [
        ([], {}, "went on", "note   my own"),
        (["-W", "ignore"], {}, "went on", ""),
        (["-W", "error::UserWarning"], {}, "", "UserWarning: my own"),
        (["-W", "error"], {}, "", "FutureWarning: old habit"),
        ([], {"PYTHONWARNINGS": "error"}, "", "FutureWarning: old habit"),
    ],
)
def test_the_users_own_filters_stay_in_force(options, variables, out, err):
    """From the import of our package on, so also for warnings of the imports that follow."""
    script = SCRIPT.format(root=str(ROOT))
    done = subprocess.run(
        [sys.executable, "-S", *options, "-c", script],
        capture_output=True,
        text=True,
        env={"PATH": "", **variables},
    )
    assert done.stdout.strip() == out
    assert done.stderr.strip().endswith(err), done.stderr
