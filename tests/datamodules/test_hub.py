"""The hub path against a loopback stand-in for the hub, and without any hub.

What `datasets` asks a hub for is asked for real, in a fresh process with HF_ENDPOINT at the
stand-in and HF_HOME in a temporary folder: both are read when the libraries are imported.
"""

import inspect
import json
import os
import socket
import subprocess
import sys
import threading
import time
from http.server import ThreadingHTTPServer
from pathlib import Path

import pytest

from datamodules import hub
from tests.datamodules.hub_server import COMMIT, SPLITS, Hub

ROOT = Path(__file__).resolve().parents[2]
TOKEN = "hf_" + "s" * 34
# The package's own __init__ imports torch (six seconds); these modules do without.
START = f"""
import json, sys, types
package = sys.modules["datamodules"] = types.ModuleType("datamodules")
package.__path__ = [{str(ROOT / "datamodules")!r}]
from datamodules import hub
early = "datasets" in sys.modules
"""


def run(endpoint: str, home: Path, code: str, **extra: str):
    """What `code` prints as JSON in a process that has that hub, that home and a token."""
    clean = {k: v for k, v in os.environ.items() if "proxy" not in k.lower() and k[:3] != "HF_"}
    variables = {"HF_ENDPOINT": endpoint, "HF_HOME": str(home), "HF_TOKEN": TOKEN, **extra}
    done = subprocess.run(
        [sys.executable, "-c", START + code],
        env=clean | variables,
        cwd=home,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert TOKEN not in done.stdout + done.stderr
    return json.loads(done.stdout.splitlines()[-1])


DATA = """
def data(found):
    read = hub.to_dataset(found)
    splits = {k: [v.texts, v.labels] for k, v in read.splits.items()}
    return splits, read.label_names, read.notes, hub.source("nyu-mll/glue", "sst2", found)
"""
LOADED = (
    DATA
    + """
def error(*wanted):
    try:
        return str(hub.load(*wanted))
    except ValueError as caught:
        return str(caught)
glue = "nyu-mll/glue"
print(json.dumps([hub.reachable(), hub.load_cached(glue, "sst2"), data(hub.load(glue, "sst2")),
    error(glue, "sst3"), error(glue, "sst2", "v9"), error("nyu-mll/gated"), error("nyu-mll/none")]))
"""
)
OFFLINE = (
    DATA
    + """
glue = "nyu-mll/glue"
print(json.dumps([
    hub.reachable(), data(hub.load_cached(glue, "sst2")), data(hub.load(glue, "sst2")),
    data(hub.load_cached(glue)), hub.load_cached(glue, "mnli"), hub.load_cached("nyu-mll/other")]))
"""
)
DECISION = """
answers = [hub.reachable(DEADLINE), hub.load_cached("nyu-mll/glue", "sst2")]
print(json.dumps([answers, "datasets" in sys.modules, early]))
"""
LATER = "1e6"  # seconds: whoever waits so long outlives the patience of run()


def dead_endpoint() -> str:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{probe.getsockname()[1]}"


@pytest.mark.slow
def test_load_from_a_hub_and_again_from_the_cache_when_it_is_gone(tmp_path):
    server = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    server.paths = []
    threading.Thread(target=server.serve_forever, daemon=True).start()
    endpoint = f"http://127.0.0.1:{server.server_port}"
    # A local folder of the repository's name must not take the hub's place.
    (tmp_path / "nyu-mll" / "glue").mkdir(parents=True)
    (tmp_path / "nyu-mll" / "glue" / "train.csv").write_text("sentence,label\nlocal,1\n")
    try:
        answers, cache, loaded, config, revision, gated, missing = run(endpoint, tmp_path, LOADED)
    finally:
        server.shutdown()
        server.server_close()
    expected = {split: list(rows) for split, rows in SPLITS.items() if split != "test"}
    notes = ["hub split test has no labels: it is not used"]
    source = f"hub:nyu-mll/glue/sst2@{COMMIT}"
    assert answers is True and cache is None
    assert loaded == [expected, ["negative", "positive"], notes, source]
    assert f"/datasets/nyu-mll/glue/resolve/{COMMIT}/sst2/train-00000-of-00001.parquet" in (
        server.paths
    )
    for message, part in (
        (config, "nyu-mll/glue/sst3: BuilderConfig 'sst3' not found. Available: ['sst2']"),
        (revision, "nyu-mll/glue/sst2: Revision 'v9' doesn't exist"),
        (gated, "nyu-mll/gated: no permission: ask for access"),
        (missing, "nyu-mll/none: no such dataset, or a private one"),
    ):
        assert message.startswith(f"--data.source hub: {part}") and "\n" not in message

    # What a killed download of a newer commit leaves behind must not hide the whole one.
    folder = tmp_path / "datasets" / "nyu-mll___glue" / "sst2" / "0.0.0"
    (folder / f"{'0' * 40}.incomplete").mkdir()
    (folder / f"{'0' * 40}.incomplete" / "dataset_info.json").write_text("{")
    answers, cached, offline, unnamed, other, absent = run(endpoint, tmp_path, OFFLINE)
    assert answers is False
    assert cached == offline == unnamed == loaded
    assert other is None and absent is None


def test_no_hub_and_no_cache_is_decided_at_once_and_said_in_one_line(tmp_path):
    code = DECISION.replace("DEADLINE", LATER) + (
        "try:\n    hub.load('nyu-mll/glue', 'sst2')\n"
        "except ValueError as error:\n    print(json.dumps([answers, "
        "'datasets' in sys.modules, early, str(error)]))"
    )
    endpoint = dead_endpoint()
    answers, imported, early, message = run(endpoint, tmp_path, code)
    assert answers == [False, None]
    assert not imported and not early  # `datasets` takes two seconds to import
    assert message == (
        f"--data.source hub: {endpoint} does not answer and nyu-mll/glue/sst2 is not in the local "
        "cache: check the network, or give --data.source bundled or a path"
    )


def test_a_hub_that_accepts_and_never_answers_costs_five_seconds_at_most(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        endpoint = f"http://127.0.0.1:{silent.getsockname()[1]}"
        answers, *_ = run(endpoint, tmp_path, DECISION.replace("DEADLINE", "1.0"))
        asked, _ = silent.accept()
        with asked:
            assert asked.recv(4) == b"HEAD"
    assert answers == [False, None]
    assert inspect.signature(hub.reachable).parameters["deadline"].default <= 5


def test_a_hub_that_answers_late_is_waited_for(tmp_path):
    def answer() -> None:
        asked, _ = late.accept()
        with asked:
            asked.recv(4096)
            time.sleep(0.5)
            asked.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

    with socket.create_server(("127.0.0.1", 0)) as late:
        threading.Thread(target=answer, daemon=True).start()
        endpoint = f"http://127.0.0.1:{late.getsockname()[1]}"
        answers, *_ = run(endpoint, tmp_path, DECISION.replace("DEADLINE", LATER))
    assert answers == [True, None]


def test_a_name_look_up_that_hangs_holds_up_neither_the_answer_nor_the_exit(tmp_path):
    hang = (
        "import socket, threading\nsocket.getaddrinfo = lambda *a, **k: threading.Event().wait()\n"
    )
    answers, *_ = run("http://hub.invalid", tmp_path, hang + DECISION.replace("DEADLINE", "1.0"))
    assert answers == [False, None]


@pytest.mark.parametrize("variable", ["HF_HUB_OFFLINE", "HF_DATASETS_OFFLINE"])
def test_offline_by_choice_asks_nobody(tmp_path, variable):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        endpoint = f"http://127.0.0.1:{silent.getsockname()[1]}"
        code = DECISION.replace("DEADLINE", LATER)
        answers, *_ = run(endpoint, tmp_path, code, **{variable: "1"})
        silent.setblocking(False)
        with pytest.raises(BlockingIOError):  # no connection was made
            silent.accept()
    assert answers == [False, None]


@pytest.mark.parametrize(("status", "expected"), [(401, True), (403, False), (502, False)])
def test_a_firewall_or_gateway_that_answers_is_not_the_hub(monkeypatch, status, expected):
    import huggingface_hub.constants

    from datamodules import hub

    class Page(Hub):
        def answer(self):
            return status, {}, b""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Page)
    server.paths = []
    threading.Thread(target=server.serve_forever, daemon=True).start()
    endpoint = f"http://127.0.0.1:{server.server_port}"
    monkeypatch.setattr(huggingface_hub.constants, "ENDPOINT", endpoint)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", False)
    monkeypatch.delenv("HF_DATASETS_OFFLINE", raising=False)
    try:
        assert hub.reachable() is expected
        assert server.paths == ["/"]
    finally:
        server.shutdown()
        server.server_close()
