"""The tracked run: what is on disk after it ended, was killed or was resumed, and what is not."""

import json
import math
import os
import signal
import subprocess
import sys
import time
from argparse import Namespace
from pathlib import Path

import lightning.pytorch as pl
import pytest
import torch

from experiments.common import shell
from experiments.common.redaction import redact, redact_argv
from experiments.tracking import logger as tracking_logger
from experiments.tracking.keys import STEP, run_folders
from experiments.tracking.log_tail import LogTail
from experiments.tracking.logger import (
    Tracking,
    finish,
    git_commit,
    resolve_mode,
    start_logger,
    where,
)
from tests.experiments import running

KEY = "0123456789abcdef" * 2 + "01234567"
ROOT = Path(__file__).parents[3]
CONFIG = {"model": {"rank": 8, "alpha": 0.5, "targets": ["q", "v"], "head": None}, "seed": 1}


@pytest.fixture(autouse=True)
def bare_machine(tmp_path, monkeypatch):
    """No key, no W&B setting, an empty home; wandb forgets what it read before."""
    import wandb

    for name in [n for n in os.environ if n.startswith("WANDB_") or n == "NETRC"]:
        monkeypatch.delenv(name)
    (tmp_path / "home").mkdir()
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    wandb.teardown()
    yield
    wandb.teardown()
    assert not [n for n in os.environ if n in ("WANDB_DATA_DIR", "WANDB_CACHE_DIR")]


class Tiny(pl.LightningModule):
    """A line whose logged values are known in advance: they depend on the step alone."""

    def __init__(self, rank: int = 8, pause: float = 0.0, beat: str | None = None):
        super().__init__()
        self.save_hyperparameters()
        self.layer = torch.nn.Linear(1, 1)
        self.scores = iter([0.5, 0.9, 0.7])

    def training_step(self, batch, index):
        time.sleep(self.hparams.pause)
        step = self.trainer.global_step
        self.log("train/loss", 100.0 - step)
        if self.hparams.beat:
            with open(self.hparams.beat, "a") as file:
                file.write(f"{time.time()} {step}\n")
        return self.layer(batch).mean()

    def validation_step(self, batch, index):
        score = next(self.scores, 0.0)
        self.log("val/accuracy", score)
        self.log("val/loss", 1 - score)

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=0.0)


def train(logger, folder, steps=5, checkpoint=None, **module):
    rows = torch.utils.data.DataLoader(torch.ones(steps if steps < 10 else 200, 1))
    trainer = pl.Trainer(
        logger=logger, max_steps=steps, max_epochs=-1, accelerator="cpu", log_every_n_steps=1,
        enable_progress_bar=False, enable_model_summary=False, num_sanity_val_steps=0,
        callbacks=[
            pl.callbacks.ModelCheckpoint(folder, every_n_train_steps=5, save_last=True),
            LogTail(logger),
        ],
    )  # fmt: skip
    val = torch.utils.data.DataLoader(torch.ones(1, 1)) if steps < 10 else None
    trainer.fit(Tiny(**module), rows, val, ckpt_path=checkpoint, weights_only=True)


def span(beat):
    """Seconds from the first to the last complete line of the steps' times."""
    times = [float(line.split()[0]) for line in beat.read_text().splitlines()[:-1]]
    return times[-1] - times[0]


def open_run(folder, run_id="one", config=CONFIG, resume=False, **flags):
    flags = {"mode": "offline", **flags}
    return start_logger(Tracking(**flags), folder, run_id, config, ["bundled"], resume)


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
    assert shown.endswith(f" {ROOT / 'experiments' / 'tools' / 'sync.py'} run")
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


@pytest.mark.slow
def test_killed_and_resumed_run_is_one_curve(tmp_path):
    folder, beat = tmp_path / "run", tmp_path / "beat"
    code = (
        "from pathlib import Path; import sys\n"
        "from tests.experiments.tracking.test_logger import *\n"
        "folder = Path(sys.argv[1])\n"
        "train(open_run(folder), folder, steps=2000, pause=0.01, beat=sys.argv[2])\n"
    )
    path = {"PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(
        [sys.executable, "-c", code, folder, beat], env=os.environ | path, stderr=subprocess.PIPE
    )
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
    run = running.recorded(tmp_path)
    assert run.summary["val/accuracy"] == {"max": 0.9}
    # The last part alone, as a sync leaves it on the server, knows it too.
    assert running.recorded(run_folders(tmp_path)[-1]).summary["val/accuracy"] == {"max": 0.9}
    assert (run.state, run.facts["tags"]) == ("finished", ["bundled"])


def test_no_secret_reaches_the_disk(tmp_path, monkeypatch):
    planted = ["plantedEnvironment1", "plantedConfig22", "hf_planted33planted33planted", KEY]
    planted += ["plantedRemote44", "plantedFlag55", "plantedQuery66"]
    monkeypatch.setenv("MY_SERVICE_TOKEN", planted[0])
    monkeypatch.setenv("WANDB_API_KEY", KEY)
    monkeypatch.setattr(tracking_logger, "git_commit", lambda: "a1b2c3" * 6 + "dddd-dirty")
    monkeypatch.setattr(sys, "argv", ["run.py", "--data.token", planted[5], f"--x={planted[2]}"])
    config = {
        "data": Namespace(token=planted[1], source=f"http://me:{planted[4]}@host/x?token=planted"),
        "query": f"http://host/x?a=1&access_token={planted[6]}",
        "list": [f"prefix {planted[0]}", planted[2], KEY],
        "batch_tokens": 4096,
    }
    logger = open_run(tmp_path, config=config)
    logger.log_metrics({"train/loss": 1.0}, 0)
    finish(logger, "finished", {"note": planted[0]})
    running.written(tmp_path)
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert len(files) > 4
    for path in files:
        content = path.read_bytes()
        assert not [secret for secret in planted if secret.encode() in content], path
    assert sys.argv[2] == planted[5]
    assert any(b"a1b2c3" * 6 in path.read_bytes() for path in files)  # W&B's own git field
    assert running.recorded(tmp_path).config == {
        "data": {"token": "***", "source": "http://***@host/x?token=***"},
        "query": "http://host/x?a=1&access_token=***",
        "list": ["prefix ***", "***", "***"],
        "batch_tokens": 4096,
    }


def test_redaction_keeps_what_is_no_secret():
    harmless = {
        "tokens": "a b", "batch_tokens": 4096, "tokenizer": "minilm", "token_type": "x",
        "mask_token": "[MASK]", "use_auth_token": True, "api_key": None, "key": "metric",
        "model": "hf-internal-testing/tiny-random-bert", "commit": "0123456789" * 4, "lr": 3e-4,
        "module": "sk-learn-something-longer", "url": "http://host:80/path?split=train",
        "name": ["sentence", 1, None], "empty": {},
    }  # fmt: skip
    assert redact(harmless) == harmless
    secret = ["token", "api_key", "hub.token", "auth-token", "password", "authorization"]
    assert set(redact(dict.fromkeys(secret, "value")).values()) == {"***"}
    assert redact({"n": (Path("a/b"),)}) == {"n": ["a/b"]}
    argv = ["--model.rank", "8", "--hub.token=x", "--password", "y", "--seed", "1"]
    shown = ["--model.rank", "8", "--hub.token=***", "--password", "***", "--seed", "1"]
    assert redact_argv(argv) == shown


def test_mode_without_a_key(monkeypatch):
    assert resolve_mode(Tracking())[0] == "offline"
    assert resolve_mode(Tracking())[1].startswith("W&B offline: no key (")
    assert resolve_mode(Tracking(mode="disabled"))[0] == "disabled"
    with pytest.raises(ValueError, match="^--tracking.mode online needs a key .*wandb login"):
        resolve_mode(Tracking(mode="online"))
    for wished, mode in (("offline", "offline"), ("dryrun", "offline"), ("disabled", "disabled")):
        monkeypatch.setenv("WANDB_MODE", wished)
        assert resolve_mode(Tracking()) == (mode, f"W&B {mode} (WANDB_MODE={wished})")
    monkeypatch.setenv("WANDB_MODE", "online")
    with pytest.raises(ValueError, match="^WANDB_MODE=online needs a key"):
        resolve_mode(Tracking())
    monkeypatch.setenv("WANDB_MODE", "perhaps")
    with pytest.raises(ValueError, match="WANDB_MODE=perhaps is not known"):
        resolve_mode(Tracking())


def test_mode_with_a_key(tmp_path, monkeypatch):
    netrc = tmp_path / "home" / ".netrc"
    netrc.write_text(f"machine elsewhere.example\n  login user\n  password {KEY}\n")
    assert resolve_mode(Tracking())[0] == "offline"
    netrc.write_text(f"machine api.wandb.ai\n  login user\n  password {KEY}\n")
    mode, reason = resolve_mode(Tracking())
    assert mode == "online" and "netrc" in reason and KEY not in reason
    assert resolve_mode(Tracking(mode="offline"))[0] == "offline"
    netrc.unlink()
    monkeypatch.setenv("WANDB_API_KEY", KEY)
    assert resolve_mode(Tracking())[0] == "online"
    assert resolve_mode(Tracking(mode="online"))[1].endswith("(key from WANDB_API_KEY)")
    monkeypatch.setenv("WANDB_MODE", "offline")
    assert resolve_mode(Tracking())[0] == "offline"
    assert resolve_mode(Tracking(mode="online"))[0] == "online"  # what is typed comes first
    monkeypatch.delenv("WANDB_MODE")
    monkeypatch.setenv("WANDB_API_KEY", "short")
    with pytest.raises(ValueError, match="WANDB_API_KEY"):
        resolve_mode(Tracking())


def test_key_for_the_configured_host(tmp_path, monkeypatch):
    monkeypatch.setenv("WANDB_BASE_URL", "http://127.0.0.1:9")
    netrc = tmp_path / "home" / ".netrc"
    netrc.write_text(f"machine api.wandb.ai\n  login user\n  password {KEY}\n")
    assert resolve_mode(Tracking())[1].startswith("W&B offline: no key for http://127.0.0.1:9")
    netrc.write_text(f"machine 127.0.0.1:9\n  login user\n  password {KEY}\n")
    assert resolve_mode(Tracking())[1].startswith("W&B online at http://127.0.0.1:9")


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
