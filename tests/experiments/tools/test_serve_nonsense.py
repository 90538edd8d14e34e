"""serve.py given nonsense: a status and one sentence, and the server goes on."""

import json
import socket

import pytest

import modules
from experiments.tools.serving import gate
from modules.inference import Predictions
from tests.experiments.tools import served
from tests.modules import cells


@pytest.fixture(scope="module")
def made(bert):
    return {n: cells.stirred(modules.Adapter, bert, cells.TASKS[n]()) for n in ("class", "pairs")}


@pytest.fixture(scope="module")
def clients(made):
    with (
        served.in_thread(made["class"], texts=4, body_bytes=4096) as one,
        served.in_thread(made["pairs"], cut=False) as pairs,
    ):
        yield {"class": one, "pairs": pairs}


NONSENSE = [
    ("class", "", 400, "the body is not JSON: Expecting value: line 1 column 1 (char 0)"),
    ("class", "{", 400, "the body is not JSON: Expecting property name enclosed in double quotes"),
    ("class", b'{"text": "caf\xe9"}', 400, "the body is not UTF-8"),
    ("class", "[" * 4000, 400, "the body nests too deeply"),
    ("pairs", '{"top": ' + "9" * 5000 + "}", 400, "the body has a number of too many digits"),
    ("class", '{"text": "a", "text": "b"}', 400, 'the key "text" stands twice in an object'),
    ("class", "[]", 422, "the body is a list, and an object with keys is expected"),
    ("class", "NaN", 422, "the body is a number, and an object with keys is expected"),
    ("class", "null", 422, "the body is null, and an object with keys is expected"),
    ("class", "{}", 422, 'the body has neither "text" nor "texts"'),
    ("class", '{"text": "a", "texts": ["a"]}', 422, 'the body has both "text" and "texts": send'),
    ("class", '{"txt": "a"}', 422, 'unknown key "txt"; did you mean text?'),
    ("class", '{"q": "a"}', 422, 'unknown key "q"; known are text, texts, top'),
    ("class", '{"' + "q" * 99 + '": 1}', 422, f'unknown key "{"q" * 40}..."; known are'),
    ("class", '{"text": "a", "max_new_tokens": 3}', 422, 'unknown key "max_new_tokens"; known are'),
    (
        "class",
        '{"text": "a", "pair": "b"}',
        422,
        'this model reads one text at a time, and no "pai',
    ),
    ("class", '{"text": null}', 422, '"text" is null, and a text is expected'),
    ("class", '{"text": ["a"]}', 422, '"text" is a list, and a text is expected'),
    ("class", '{"text": 1.5}', 422, '"text" is a number, and a text is expected'),
    ("class", '{"text": true}', 422, '"text" is true, and a text is expected'),
    ("class", '{"text": " \\n"}', 422, '"text" is empty'),
    ("class", '{"text": "ab\\u0000"}', 422, '"text" has a NUL at character 3'),
    (
        "class",
        '{"text": "a\\ud83d"}',
        422,
        r'"text" has half of a surrogate pair, \ud83d at charac',
    ),
    ("class", '{"texts": "a"}', 422, '"texts" is a text, and a list is expected'),
    ("class", '{"texts": []}', 422, '"texts" has 0 items; 1 to 4 are read'),
    ("class", '{"texts": ["a", "b", "c", "d", "e"]}', 422, '"texts" has 5 items; 1 to 4 are read'),
    ("class", '{"texts": ["a", 2]}', 422, '"texts", item 2: is a number, and a text is expected'),
    ("class", '{"texts": ["a", ""]}', 422, '"texts", item 2 is empty'),
    ("class", '{"texts": [["a", "b"]]}', 422, '"texts", item 1: is a list, and a text is expected'),
    ("class", '{"text": "a", "top": 4}', 422, '"top" lies outside of 1 to 3'),
    ("class", '{"text": "a", "top": "2"}', 422, '"top" is a text, and a whole number is expected'),
    ("class", '{"text": "a", "top": 1.0}', 422, '"top" is a number, and a whole number is expecte'),
    ("class", json.dumps({"text": "x" * 5000}), 413, "the body is larger than 4,096 bytes"),
    ("pairs", '{"text": "a"}', 422, '"pair" is missing'),
    ("pairs", '{"pair": "a"}', 422, 'the body has neither "text" nor "texts"'),
    ("pairs", '{"texts": ["a"]}', 422, '"texts", item 1: is a text, and [text, pair] is expected'),
    ("pairs", '{"texts": [["a"]]}', 422, '"texts", item 1: is a list of 1, and [text, pair] is'),
    ("pairs", '{"texts": [["a", null]]}', 422, '"texts", item 1: "pair" is null, and a text is'),
    ("pairs", '{"texts": [{"text": "a", "p": 1}]}', 422, '"texts", item 1: unknown key "p"'),
    ("pairs", '{"texts": [["a", "b"]], "pair": "c"}', 422, '"pair" belongs to "text"; in "texts"'),
    ("pairs", json.dumps({"text": "film " * 99, "pair": "b"}), 422, '"text" is longer than the 64'),
    ("pairs", json.dumps({"text": "x" * (2 << 20), "pair": "b"}), 413, "larger than 1,048,576"),
]


@pytest.mark.parametrize(("model", "body", "status", "said"), NONSENSE)
def test_nonsense_is_refused_in_one_sentence(model, body, status, said, clients):
    answer = clients[model].post("/predict", content=body)
    assert answer.status_code == status, answer.text
    found = answer.json()
    assert set(found) == {"error"} and said in found["error"], found
    assert "\n" not in found["error"] and "/" not in found["error"]


def test_addresses_that_are_not_there(clients):
    for method, path in (
        ("GET", "/predict"),
        ("GET", "/x/../etc"),
        ("POST", "/chat"),
        ("PUT", "/"),
    ):
        answer = clients["class"].request(method, path)
        assert answer.status_code in (404, 405)
        assert answer.json()["error"].endswith("there are GET / and /health, POST /predict")


def test_what_is_not_http_ends_only_its_connection(clients):
    client = clients["class"]
    for sent in (
        b"\x16\x03\x01\x00\n\n",
        b"GET\r\n\r\n",
        b"POST /predict HTTP/1.1\r\nHost: localhost\r\n",
    ):
        with socket.create_connection((client.base_url.host, client.base_url.port)) as raw:
            raw.sendall(sent)
    chunks = (b"x" * 1000 for _ in range(9))  # its length is not said before
    assert client.post("/predict", content=chunks).status_code == 413
    assert client.post("/predict", json={"text": "warm"}).status_code == 200


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"Origin": "http://HOST"}, 200),
        ({"Origin": "https://example.org"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "http://127.0.0.1:1"}, 403),
        ({"Host": "example.org", "Origin": "http://example.org"}, 403),  # a name made to lead here
        ({"Host": "localhost:9", "Origin": "http://localhost:9"}, 200),  # through a tunnel
        ({"Host": "[::1"}, 403),
        ({"Content-Type": "text/plain"}, 200),
    ],
)
def test_pages_of_other_sites_may_not_ask(headers, status, clients):
    client = clients["class"]
    own = client.base_url.netloc.decode()
    headers = {name: value.replace("HOST", own) for name, value in headers.items()}
    answer = client.post("/predict", content='{"text": "warm"}', headers=headers)
    assert answer.status_code == status, answer.text
    assert not [name for name in answer.headers if name.startswith("access-control")]


@pytest.mark.parametrize(
    ("host", "local"),
    [("127.0.0.1", True), ("::1", True), ("127.3.2.1", True), ("localhost", True),
     ("0.0.0.0", False), ("::", False), ("192.168.1.2", False), ("localhost.example", False)],
)  # fmt: skip
def test_what_is_local(host, local):
    assert gate.is_local(host) is local


def test_a_failure_is_logged_whole_and_tells_clients_nothing(made, capfd):
    with served.in_thread(made["class"]) as client:

        def broken(texts, **settings):
            raise RuntimeError(f"cannot open {__file__}")

        kept, client.service.thread._predict = client.service.thread._predict, broken
        answer = client.post("/predict", json={"text": "warm"})
        assert answer.status_code == 500
        said = "the server could not answer this request; its log says why"
        assert answer.json() == {"error": said}
        client.service.thread._predict = lambda texts: Predictions([object()], None, [False])
        assert client.post("/predict", json={"text": "warm"}).status_code == 500
        client.service.thread._predict = kept
        assert client.post("/predict", json={"text": "warm"}).status_code == 200
    log = capfd.readouterr().err
    assert f"RuntimeError: cannot open {__file__}" in log and "Traceback" in log
