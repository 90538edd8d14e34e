"""A machine without a W&B account."""

import os

import pytest


@pytest.fixture
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
