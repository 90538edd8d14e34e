"""The tracked run: what is on disk after it ended, was killed or was resumed, and what is not."""

import json
import math
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from experiments.common import shell
from experiments.tracking import logger as tracking_logger
from experiments.tracking.keys import STEP, run_folders
from experiments.tracking.logger import finish, git_commit, where
from tests.experiments import forking, running
from tests.experiments.tracking.tracked_run import CONFIG, open_run, train

pytestmark = pytest.mark.usefixtures("bare_machine")


ROOT = Path(__file__).parents[3]


def span(beat):
    """Seconds from the first to the last complete line of the steps' times."""
    times = [float(line.split()[0]) for line in beat.read_text().splitlines()[:-1]]
    return times[-1] - times[0]


def test_offline_run_is_readable_and_leaves_nothing_elsewhere(tmp_path):
    folder = tmp_path / "run"
    logger = open_run(folder, group="seeds", job_type="train", name="first", tags=["a"])
    train(logger, folder)
    logger.log_table(
        "test/mistakes", columns=["text", "label", "p"], data=[["bad", 0, 0.9], ["ok", 1, 0.8]]
    )
    finish(logger, "finished", {"test/accuracy": 0.9})

    run = running.recorded(folder)
    assert run.config == CONFIG
    assert [row["train/loss"] for row in run.history] == [100, 99, 98, 97, 96]
    assert [row[STEP] for row in run.history] == [0, 1, 2, 3, 4]
    assert run.history[-1]["val/accuracy"] == 0.5
    assert run.summary["val/accuracy"] == {"max": 0.5}
    assert run.summary["test/accuracy"] == 0.9
    assert (run.state, run.id, run.facts["project"]) == ("finished", "one", "pretune")
    assert (run.facts["group"], run.facts["job_type"], run.facts["name"]) == (
        "seeds",
        "train",
        "first",
    )
    assert sorted(run.facts["tags"]) == ["a", "bundled"]
    table = run_folders(folder)[0] / "files" / run.summary["test/mistakes"]["path"]
    assert json.loads(table.read_text())["data"] == [["bad", 0, 0.9], ["ok", 1, 0.8]]

    shown = where(logger)
    assert shown.endswith("pretune sync run")
    assert "wandb leet inspect --summary run/wandb/offline-run-" in shown
    assert sorted(p.name for p in tmp_path.iterdir()) == ["home", "run"]
    assert not [p for p in (tmp_path / "home").rglob("*") if p.is_file()]


def test_two_runs_in_one_process_and_the_best_of_each(tmp_path):
    import wandb

    for name, scores in (("one", [0.5, 0.9, 0.7]), ("two", [0.4])):
        logger = open_run(tmp_path / name, run_id=name)
        for step, score in enumerate(scores):
            logger.log_metrics({"val/accuracy": score, "val/loss": 1 - score}, step)
        logger.log_table("val/mistakes", columns=["text"], data=[["x"]])
        if name == "two":
            logger.log_metrics({"val/accuracy": math.nan}, 1)
        finish(logger, "finished" if name == "one" else "interrupted", {})
        finish(logger, "failed", {})  # the first word counts
        assert wandb.run is None
    one, two = (running.recorded(tmp_path / name) for name in ("one", "two"))
    assert one.summary["val/accuracy"] == {"max": 0.9}
    assert one.summary["val/loss"]["min"] == pytest.approx(0.1)
    assert (one.state, one.facts["tags"]) == ("finished", ["bundled"])
    assert two.summary["val/accuracy"] == {"max": 0.4}
    assert math.isnan(two.history[1]["val/accuracy"])
    assert (two.state, two.facts["tags"]) == ("interrupted", ["bundled", "interrupted"])
    assert (len(one.history), len(two.history)) == (3, 2)


def test_run_has_a_service_of_its_own(tmp_path, monkeypatch):
    """A program above this one, or before it, may have named a service that has ended by now."""
    monkeypatch.setenv("WANDB_SERVICE", f"3-{os.getpid()}-unix-{tmp_path / 'socket'}")
    finish(open_run(tmp_path / "run"), "finished", {"test/accuracy": 0.5})
    assert running.recorded(tmp_path / "run").summary["test/accuracy"] == 0.5


@pytest.mark.slow
def test_killed_and_resumed_run_is_one_curve(tmp_path):
    folder, beat = tmp_path / "run", tmp_path / "beat"
    code = (
        "from pathlib import Path; import sys\n"
        "from tests.experiments.tracking.tracked_run import open_run, train\n"
        "folder = Path(sys.argv[1])\n"
        "train(open_run(folder), folder, steps=2000, pause=0.01, beat=sys.argv[2])\n"
    )
    path = {"PYTHONPATH": str(ROOT)}
    command, variables = [sys.executable, "-c", code, folder, beat], os.environ | path
    process = forking.start(command, env=variables, stderr=subprocess.PIPE)
    deadline = time.time() + 60
    while not beat.exists() or len(beat.read_text().splitlines()) < 10 or span(beat) < 3:
        assert process.poll() is None and time.time() < deadline, process.communicate()[1].decode()
        time.sleep(0.05)
    # wandb-core is a process of its own: it is to die in the same moment.
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    for pid in [*map(int, children), process.pid]:
        os.kill(pid, signal.SIGKILL)
    killed = time.time()
    process.communicate()

    beats = [line.split() for line in beat.read_text().splitlines()]
    old_enough = [int(step) for at, step in beats if float(at) < killed - 2]
    run = running.recorded(folder)
    assert len(old_enough) > 20 and run.state not in ("finished", "interrupted")
    assert [row["train/loss"] for row in run.history][: len(old_enough)] == [
        100 - step for step in old_enough
    ]
    assert run.config == CONFIG

    logger = open_run(folder, resume=True)
    end = len(beats) + 30
    train(logger, folder, steps=end, checkpoint=folder / "last.ckpt")
    finish(logger, "finished", {})
    run = running.recorded(folder)
    assert len(run_folders(folder)) == 2 and run.state == "finished"
    assert [(row[STEP], row["train/loss"]) for row in run.history] == [
        (step, 100 - step) for step in range(end)
    ]


def test_best_of_both_parts_survives_resume(tmp_path):
    for score, resume in ((0.9, False), (0.6, True)):
        logger = open_run(tmp_path, resume=resume)
        logger.log_metrics({"val/accuracy": score}, int(resume))
        finish(logger, "finished" if resume else "interrupted", {})
        running.written(tmp_path)  # the second part reads it
    run = running.recorded(tmp_path)
    assert run.summary["val/accuracy"] == {"max": 0.9}
    # The last part alone, as a sync leaves it on the server, knows it too.
    assert running.recorded(run_folders(tmp_path)[-1]).summary["val/accuracy"] == {"max": 0.9}
    assert (run.state, run.facts["tags"]) == ("finished", ["bundled"])


def test_disabled_and_other_ranks_write_nothing(tmp_path, monkeypatch):
    def exercise(logger):
        logger.log_metrics({"val/accuracy": 1.0}, 0)
        logger.log_hyperparams({"a": 1})
        logger.log_table("table", columns=["a"], data=[[1]])
        finish(logger, "finished", {"a": 1})
        assert "disabled" in where(logger)

    exercise(open_run(tmp_path / "run", mode="disabled"))
    monkeypatch.setattr(tracking_logger.rank_zero_only, "rank", 1)
    exercise(open_run(tmp_path / "run"))
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_git_commit(tmp_path, monkeypatch):
    def git(*arguments):
        identity = ["-c", "user.name=n", "-c", "user.email=e@x", "-c", "commit.gpgsign=false"]
        command = ["git", *identity, *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    source = tmp_path / "logger.py"
    source.write_text("")
    monkeypatch.setattr(shell, "__file__", str(source))
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert git_commit() is None
    git("init", "-q")
    assert git_commit() is None  # the repository does not hold the file
    git("add", "logger.py")
    git("commit", "-qm", "first")
    (tmp_path / ".git/info/exclude").write_text("home\n")
    assert git_commit() == git("rev-parse", "HEAD")
    source.write_text("changed")
    assert git_commit() == git("rev-parse", "HEAD") + "-dirty"
    monkeypatch.setenv("PATH", "")
    assert git_commit() is None
