"""serve.py with a chat model: /chat, its stream, and what it refuses."""

import json
import threading
import time

import pytest
from transformers import AutoTokenizer

from experiments.tools import chat_model
from modules import load
from tests.experiments import chatting
from tests.experiments.tools import served

ASKED = [{"role": "user", "content": "Say 3."}]


@pytest.fixture(scope="module")
def speaker(tmp_path_factory) -> str:
    return chatting.save_speaker(tmp_path_factory.mktemp("models") / "speaker")


@pytest.fixture(scope="module")
def client(speaker):
    with served.in_thread(load(speaker), new_tokens=16) as client:
        yield client


def post(client, *messages, **settings):
    body = {"messages": list(messages) or ASKED, "temperature": 0, **settings}
    return client.post("/chat", json=body)


def events(answer) -> list[dict]:
    assert answer.headers["content-type"].startswith("text/event-stream")
    return [json.loads(line.removeprefix("data: ")) for line in answer.iter_lines() if line]


def test_a_chat_answers_as_chat_does(client, speaker):
    tokenizer = AutoTokenizer.from_pretrained(speaker)
    own = chat_model.ChatModel("", load(speaker).model, tokenizer, 256)
    sampling = chat_model.Sampling(16, 0)
    wanted = own.answer(own.ids(ASKED), sampling, lambda: False, lambda text: None)
    found = post(client).json()
    assert found == {
        "message": {"role": "assistant", "content": wanted.text.strip()},
        "tokens": wanted.tokens, "ended": wanted.ended, "dropped_messages": 0,
    }  # fmt: skip
    with client.stream(
        "POST", "/chat", json={"messages": ASKED, "temperature": 0, "stream": True}
    ) as answer:
        *pieces, last = events(answer)
    assert last == found
    assert "".join(piece["text"] for piece in pieces) == wanted.text
    (said,) = load(speaker).predict(["Say 3."], max_new_tokens=16)
    assert client.post("/predict", json={"text": "Say 3."}).json()["prediction"] == said


def test_a_seed_gives_the_same_text(client):
    first = post(client, temperature=1.5, seed=3).json()
    assert first == post(client, temperature=1.5, seed=3).json()
    assert first != post(client, temperature=1.5, seed=4).json()
    assert post(client, max_new_tokens=2).json()["tokens"] == 2


def test_the_oldest_messages_make_room_or_the_chat_is_refused(client, speaker):
    turns = [{"role": ("user", "assistant")[n % 2], "content": "x" * 40} for n in range(9)]
    found = post(client, *turns).json()
    assert found["dropped_messages"] > 0 and found["dropped_messages"] % 2 == 0
    answer = post(client, {"role": "user", "content": "x" * 300})
    said = "the messages and an answer are longer than the 256 tokens of the model"
    assert answer.status_code == 422 and answer.json() == {"error": said}
    with served.in_thread(load(speaker), new_tokens=16, cut=False) as strict:
        assert post(strict, *turns).json() == {"error": said}


NONSENSE = [
    ({}, '"messages" is missing; send a list such as'),
    ({"messages": []}, '"messages" is an empty list; send a list such as'),
    ({"messages": "a"}, '"messages" is a text; send a list such as'),
    ({"messages": ["a"]}, '"messages", item 1: is a text, and an object is expected'),
    ({"messages": [{"role": "user"}]}, '"messages", item 1: "content" is missing'),
    ({"messages": [{"role": "user", "content": ""}]}, '"messages", item 1: "content" is empty'),
    (
        {"messages": [{"role": "bot", "content": "a"}]},
        'its "role" is none of system, user, assista',
    ),
    ({"messages": [*ASKED, {"role": "system", "content": "a"}]}, "(system only in the first)"),
    ({"messages": [{"role": [], "content": "a"}]}, 'its "role" is none of system, user, assistant'),
    ({"messages": [*ASKED, {"role": "assistant", "content": "a"}]}, "the last message is not by"),
    ({"messages": [{**ASKED[0], "name": "x"}]}, '"messages", item 1: unknown key "name"; known'),
    ({"messages": ASKED, "max_tokens": 3}, 'unknown key "max_tokens"; did you mean max_new_tokens'),
    ({"messages": ASKED, "max_new_tokens": 17}, '"max_new_tokens" lies outside of 1 to 16'),
    ({"messages": ASKED, "temperature": -1}, '"temperature" lies outside of 0 to 100'),
    ({"messages": ASKED, "temperature": "1"}, '"temperature" is a text, and a number is expected'),
    ({"messages": ASKED, "top_p": 0}, '"top_p" lies outside of 1e-06 to 1'),
    ({"messages": ASKED, "seed": 1.5}, '"seed" is a number, and a whole number is expected'),
    ({"messages": ASKED, "stream": 1}, '"stream" is a number, and true or false is expected'),
]


@pytest.mark.parametrize(("body", "said"), NONSENSE)
def test_nonsense_is_refused_in_one_sentence(body, said, client):
    answer = client.post("/chat", json=body)
    assert answer.status_code == 422 and said in answer.json()["error"], answer.text


def test_a_template_that_refuses_is_no_failure(client, monkeypatch):
    refusing = "{{ raise_exception('Conversation roles must alternate') }}"
    monkeypatch.setattr(client.service.chat.tokenizer, "chat_template", refusing)
    said = "the chat template refuses the messages: Conversation roles must alternate"
    answer = post(client, *ASKED, *ASKED)
    assert answer.status_code == 422 and answer.json() == {"error": said}


def test_an_answer_is_not_written_on_for_a_client_that_has_gone(client, monkeypatch):
    ended = threading.Event()

    def slow(ids, sampling, stopped, say):
        deadline = time.monotonic() + 20
        while not stopped() and time.monotonic() < deadline:
            say("a ")
            time.sleep(0.01)
        if stopped():
            ended.set()
        return chat_model.Answer("a", 1, "length")

    monkeypatch.setattr(client.service.chat, "answer", slow)
    with client.stream("POST", "/chat", json={"messages": ASKED, "stream": True}) as answer:
        next(answer.iter_lines())
    assert ended.wait(10)


def test_a_failure_in_a_stream_is_an_event(client, monkeypatch, capfd):
    def broken(ids, sampling, stopped, say):
        say("half ")
        raise RuntimeError("/a/path")

    monkeypatch.setattr(client.service.chat, "answer", broken)
    with client.stream("POST", "/chat", json={"messages": ASKED, "stream": True}) as answer:
        last = events(answer)[-1]
    assert last == {"error": "the server could not answer this request; its log says why"}
    assert post(client).status_code == 500
    log, deadline = "", time.monotonic() + 10
    while log.count("RuntimeError: /a/path") < 2 and time.monotonic() < deadline:
        time.sleep(0.01)  # the answer may be here first
        log += capfd.readouterr().err
    assert log.count("RuntimeError: /a/path") == 2
