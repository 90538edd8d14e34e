"""Secrets are hidden in the record of a run; the rest stays as it is."""

import sys
from argparse import Namespace
from pathlib import Path

import pytest

from experiments.common.redaction import redact, redact_argv
from experiments.tracking import logger as tracking_logger
from experiments.tracking.logger import finish
from tests.experiments import running
from tests.experiments.tracking.tracked_run import KEY, open_run

pytestmark = pytest.mark.usefixtures("bare_machine")


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
