"""Whether a run is tracked online, offline or not at all."""

import pytest

from experiments.tracking.logger import Tracking, resolve_mode
from tests.experiments.tracking.tracked_run import KEY

pytestmark = pytest.mark.usefixtures("bare_machine")


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
