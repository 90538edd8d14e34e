"""No key, token or password in anything that was written or sent, whoever planted it where."""

from pathlib import Path

import pytest

from tests.experiments.signalling import Notifier
from tests.wandb_server.server import KEY

PLANTED = {
    "WANDB_API_KEY": KEY,
    "HF_TOKEN": "hf_planted0123456789abcdef",
    "MY_SERVICE_PASSWORD": "planted in the environment",
    "in an address": "planted-in-an-address",
    "in a query": "planted-in-a-query",
    "in an argument": "planted-in-an-argument",
}
URL = f"https://me:{PLANTED['in an address']}@host/x?a=1&access_token={PLANTED['in a query']}"


def leaks(server) -> list[tuple[str, str]]:
    """Which secret is where: in files that were written, in requests that were received."""
    places = [(str(path), path.read_bytes()) for path in Path().rglob("*") if path.is_file()]
    for request in server.received:
        where = f"{request.method} {request.path}"
        places.append((where, f"{where}\n{request.headers}\n".encode() + request.body))
    return [
        (name, place)
        for name, secret in PLANTED.items()
        for place, content in places
        if secret.encode() in content
    ]


@pytest.mark.quick_if(lambda case: case["online"] and case["fails"])
@pytest.mark.parametrize("fails", [False, True], ids=["ends", "fails"])
@pytest.mark.parametrize("online", [True, False], ids=["online", "synced"])
def test_no_secret_is_written_or_sent(experiment, server, sync, monkeypatch, online, fails):
    for name in ("HF_TOKEN", "MY_SERVICE_PASSWORD"):
        monkeypatch.setenv(name, PLANTED[name])
    callback = "--trainer.callbacks"
    words = [
        *(f"{callback}+={Notifier.__module__}.Notifier", f"{callback}.url={URL}"),
        *(f"{callback}.password", PLANTED["in an argument"], f"{callback}.fails={fails}"),
        *("--tracking.name", URL, f"--tracking.tags+={URL}", "--tracking.group", URL),
        *("--tracking.mode", "online" if online else "offline"),
    ]
    ended = experiment(*words, tracked=True)
    assert ended.code == int(fails), ended
    if not online:
        assert sync().code == 0
    ((_, run),) = server.runs.items()
    assert run.summary["state"] == ("failed" if fails else "finished")
    assert len(server.received) > 5 and leaks(server) == []
    assert "***" in str(run.config["trainer"]["callbacks"])
    assert not [secret for secret in PLANTED.values() if secret in ended.out + ended.err]
    if fails:
        assert "https://***@host/x?a=1&access_token=***" in (ended.run / "error.txt").read_text()
