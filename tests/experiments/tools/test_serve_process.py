"""serve.py as a process: its first line, its log, its end, and addresses that it cannot have."""

import concurrent.futures
import signal
import socket
import time

import httpx
import pytest

import modules
from experiments.tools import serve
from experiments.tools.serving import lifetime
from modules.exporting import export
from tests.experiments import chatting
from tests.experiments.tools import served
from tests.modules import cells


@pytest.fixture
def say(piped):
    """Call serve.py in this process: exit code, output, errors."""
    return lambda *words: piped(serve, *words)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("last", "last: no run with a model in outputs"),
        ("nowhere", "nowhere: no such run in outputs; the latest there: none"),
        ("half", "half: holds no export (module.json or config.json), no run and no checkpoint"),
        ("minilm", "a pre-trained network (BertModel) without a head for a task: fine-tune it"),
        ("last --port 65536", "--port 65536: 0 to 65535"),
        ("last --port -1", "--port -1: 0 to 65535"),
        ("last --host nowhere.invalid", "--host nowhere.invalid: cannot be found ("),
        ("last --host 192.0.2.1", "--host 192.0.2.1: is no address of this machine"),
        ("last --max_texts 0", "--max_texts 0: at least 1"),
        ("last --prot 1", "unrecognized arguments: --prot 1; did you mean --port?"),
    ],
)
def test_a_mistake_is_one_line(words, said, say, folder, bert, monkeypatch):
    (folder / "half").mkdir()
    monkeypatch.setattr("datamodules.packaged.locate", lambda name: bert)
    words = words.split()
    ended = say(*words, *([] if "--port" in words else ["--port", "0"]))
    assert (ended.code, ended.out) == (2, ""), ended
    assert said in ended.err and ended.err.count("\n") == 1


def test_a_port_in_use_or_forbidden_is_one_line(say, monkeypatch):
    with lifetime.listening("127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]
        ended = say("last", "--port", str(port))
    said = f"serve.py: error: --port {port}: is in use; take another, or 0 for a free one\n"
    assert (ended.code, ended.err) == (2, said)

    def forbidden(self, address):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(socket.socket, "bind", forbidden)
    ended = say("last", "--port", "80")
    said = "serve.py: error: --port 80: is not allowed to you; take one above 1023\n"
    assert (ended.code, ended.err) == (2, said)


def test_without_the_extra_a_line_says_how_to_install_it(say, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    ended = say("last")
    assert ended.code == 2 and "fastapi, which answers over HTTP, is missing: pip" in ended.err


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_answers_what_runs_and_ends(number, bert, folder, session_cache):
    module = cells.stirred(modules.Adapter, bert, cells.TASKS["class"]())
    place = export(module, folder / "outputs" / "any" / "named" / "export")
    made = served.Process([str(place), "--port", "0"], folder, session_cache)
    assert made.first == f"{made.url} serves named, Classification; Ctrl-C ends\n"
    texts = [f"{text} {n}" for n, text in enumerate(cells.TEXTS * 60)]
    body = {"texts": texts}
    found = httpx.post(f"{made.url}/predict", json=body).json()["predictions"]
    assert [row["prediction"] for row in found] == module.predict(texts)
    with concurrent.futures.ThreadPoolExecutor(32) as pool, httpx.Client(timeout=60) as client:
        asked = [pool.submit(client.post, f"{made.url}/predict", json=body) for _ in range(32)]
        concurrent.futures.wait(asked[:1], timeout=60)
        deadline = time.monotonic() + 30  # all of them have arrived
        while httpx.get(f"{made.url}/health").json()["waiting"] < 1:
            assert time.monotonic() < deadline and not all(f.done() for f in asked)
        code, log = made.end(number)
        answers = [future.result() for future in asked if not future.exception()]
    assert code == 0 and all(a.json()["predictions"] == found for a in answers)
    assert log[-1].startswith("stopped after ")
    assert " POST /predict 200 " in log[0] and log[0].endswith("127.0.0.1")
    count = sum(" POST /predict 200 " in line for line in log)
    assert count == 1 + len(answers) and not [line for line in log if "Traceback" in line]
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{made.url}/health")


@pytest.mark.slow
def test_a_second_ctrl_c_ends_at_once_and_a_silent_client_holds_nothing_up(folder, session_cache):
    speaker = chatting.save_speaker(folder / "speaker")
    made = served.Process(
        [speaker, "--port", "0", "--max_new_tokens", "128", "--quiet", "--host", "0.0.0.0"],
        folder,
        session_cache,
    )
    url = made.url.replace("0.0.0.0", "127.0.0.1")
    silent = socket.create_connection(("127.0.0.1", httpx.URL(url).port))
    silent.sendall(
        b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n{"
    )  # and no more
    assert httpx.get(f"{url}/health", headers={"Host": "elsewhere"}).status_code == 200
    time.sleep(0.2)
    made.process.send_signal(signal.SIGINT)
    time.sleep(1)
    assert made.process.poll() is None  # the request has 30 seconds to arrive
    code, log = made.end(signal.SIGINT)
    silent.close()
    assert code == 0 and len(log) == 3, log
    said = "--host 0.0.0.0: whoever reaches this machine may use the model; there is no password"
    assert log[0] == f"note   {said}"
    assert log[2].startswith("stopped after ") and log[2].endswith("; left without an answer: 1")
