"""serve.py: the answers of predict over HTTP, for every kind of model, alone and at once."""

import json
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import modules
from experiments.tools.serving.model_thread import Busy, ModelThread
from modules.inference import Predictions
from tests.experiments.tools import served
from tests.modules import cells

TEXTS = [f"{text} {'film ' * n}" for n, text in enumerate(cells.TEXTS * 8)]


@pytest.fixture(scope="module")
def made(bert, llama):
    """A module for each of some tasks."""
    kinds = [(name, bert) for name in ("class", "number", "several", "pairs", "tags")]
    return {
        name: cells.stirred(modules.Adapter, backbone, cells.TASKS[name]())
        for name, backbone in [*kinds, ("text", llama)]
    }


def post(client, **body):
    answer = client.post("/predict", json=body)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_each_kind_of_model_answers_as_predict_does(made):
    with served.in_thread(made["class"]) as client:
        found = post(client, texts=TEXTS)["predictions"]
        assert [row["prediction"] for row in found] == made["class"].predict(TEXTS)
        wanted = made["class"].predict_proba(TEXTS)
        for row, chances in zip(found, wanted, strict=True):
            named = dict(zip(cells.LABELS, chances.tolist(), strict=True))
            assert row["probabilities"] == pytest.approx(named, abs=2e-6)
            assert row["confidence"] == pytest.approx(max(chances), abs=2e-6)
            assert not row["truncated"]
        assert post(client, text=TEXTS[0]) == found[0]
        (best,) = post(client, text=TEXTS[0], top=1)["probabilities"]
        assert best == found[0]["prediction"]
        assert post(client, text="film " * 1000)["truncated"] is True
    with served.in_thread(made["number"]) as client:
        found = post(client, texts=TEXTS[:4])["predictions"]
        wanted = made["number"].predict(TEXTS[:4])
        assert [row["prediction"] for row in found] == pytest.approx(wanted, abs=2e-6)
        assert set(found[0]) == {"prediction", "truncated"}
    with served.in_thread(made["several"]) as client:
        found = post(client, texts=TEXTS[:4])["predictions"]
        assert [row["prediction"] for row in found] == made["several"].predict(TEXTS[:4])
    with served.in_thread(made["tags"]) as client:
        (found,) = post(client, texts=["a warm film"])["predictions"]
        (wanted,), (chances,) = (f(["a warm film"]) for f in
                                 (made["tags"].predict, made["tags"].predict_proba))  # fmt: skip
        assert [(one["word"], one["tag"]) for one in found["prediction"]] == wanted
        sure = chances.max(1).tolist()
        assert [one["probability"] for one in found["prediction"]] == pytest.approx(sure, abs=2e-6)
        assert found["confidence"] == pytest.approx(min(sure), abs=2e-6)
        said = 'unknown key "top"; known are text, texts'
        assert client.post("/predict", json={"text": "a", "top": 1}).json() == {"error": said}
    with served.in_thread(made["pairs"]) as client:
        wanted = made["pairs"].predict([("warm", "dull"), ("clever", "cold")])
        lists = post(client, texts=[["warm", "dull"], ["clever", "cold"]])["predictions"]
        assert [row["prediction"] for row in lists] == wanted
        row = {"text": "clever", "pair": "cold"}
        assert post(client, **row) == post(client, texts=[row])["predictions"][0] == lists[1]
    with served.in_thread(made["text"], new_tokens=4) as client:
        found = post(client, texts=TEXTS[:3])["predictions"]
        wanted = made["text"].predict(TEXTS[:3], max_new_tokens=4)
        assert [row["prediction"] for row in found] == wanted
        wanted = made["text"].predict(TEXTS[:1], max_new_tokens=2)
        assert post(client, text=TEXTS[0], max_new_tokens=2)["prediction"] == wanted[0]


def test_prompted_models_and_masks(bert, llama):
    """Pairs where the template reads two columns, and the mask filler's own demand as a 422."""
    template = "{{ text }} and {{ pair }}: {{ mask }}"
    words = {"negative": "stupid", "positive": "clever"}
    task = modules.PromptedClassification(template, words)
    module = modules.ZeroShot(backbone=llama, task=task).eval()
    with served.in_thread(module) as client:
        found = post(client, texts=[["warm", "dull"], ["clever", "cold"]])["predictions"]
        wanted = module.predict([("warm", "dull"), ("clever", "cold")])
        assert [row["prediction"] for row in found] == wanted
        assert set(found[0]["probabilities"]) == set(words)
    module = cells.stirred(modules.FullFineTuning, bert, modules.LanguageModeling())
    with served.in_thread(module) as client:
        (wanted,) = module.predict(["a [MASK] film"])
        assert post(client, text="a [MASK] film") == {"prediction": wanted, "truncated": False}
        answer = client.post("/predict", json={"texts": ["a [MASK] film", "a film"]})
        said = "text 2: put [MASK] where a word is wanted; 0 of its 0 are read"
        assert (answer.status_code, answer.json()) == (422, {"error": said})


def test_many_at_once_get_the_answers_of_one_at_a_time(made):
    with served.in_thread(made["class"]) as client:
        alone = [post(client, text=text) for text in TEXTS]
        calls, whole = [], client.service.thread._predict
        client.service.thread._predict = lambda texts: calls.append(len(texts)) or whole(texts)
        with ThreadPoolExecutor(32) as pool:
            found = list(pool.map(lambda text: post(client, text=text), TEXTS))
        for one, other in zip(alone, found, strict=True):
            assert one["prediction"] == other["prediction"]
            assert one["probabilities"] == pytest.approx(other["probabilities"], abs=2e-6)
        assert sum(calls) == len(TEXTS) == 32 and len(calls) < 32, calls


def test_health_tells_the_model(made):
    with served.in_thread(made["several"]) as client:
        known = client.get("/health").json()
        assert known["ready"] is True and known["model"] == "any/run" and known["version"]
        assert (known["task"], known["labels"]) == ("MultiLabel", list(cells.LABELS))
        assert (known["reads"], known["max_tokens"], known["chat"]) == ("texts", 64, False)
        assert client.head("/health").status_code == client.head("/").status_code == 200


def gated(**settings):
    """A thread whose model waits to be let go; texts that are numbers are doubled."""
    go, calls = threading.Event(), []

    def predict(texts, **_):
        go.wait(10)
        calls.append(list(texts))
        if "bad" in texts:
            raise ValueError("bad text")
        return Predictions(
            [2 * t for t in texts], np.array(texts, float)[:, None], [False] * len(texts)
        )

    return ModelThread(predict, **{"budget": 10, "patience": 0.0, **settings}), go, calls


def test_requests_share_calls_up_to_the_budget_and_fail_alone():
    thread, go, calls = gated()
    asked = [([1], 1, {}), ([2, 3], 4, {}), ([4], 9, {}), ([5], 1, {}), ([6], 1, {"a": 1})]
    futures = [thread.predict([0], 10, {})]
    futures += [thread.predict(*one) for one in asked]
    go.set()
    assert [f.result(10).values for f in futures] == [[0], [2], [4, 6], [8], [10], [12]]
    assert futures[2].result().probabilities.tolist() == [[2], [3]]
    assert calls == [[0], [1, 2, 3], [4, 5], [6]]
    thread, go, calls = gated()
    futures = [thread.predict([0], 10, {})]
    futures += [thread.predict([text], 1, {}) for text in (1, "bad", 2)]
    gone = thread.predict([3], 1, {})
    assert gone.cancel()  # its client has left
    go.set()
    assert [futures[n].result(10).values for n in (1, 3)] == [[2], [4]]
    with pytest.raises(ValueError, match="bad text"):
        futures[2].result(10)
    assert [3] not in calls


def test_too_many_requests_are_sent_away(made):
    thread, go, _ = gated(most=2)
    kept = []
    with pytest.raises(Busy):
        kept += [thread.predict([n], 1, {}) for n in range(9)]
    go.set()
    with served.in_thread(made["class"]) as client:

        def full(*_):
            raise Busy

        client.service.thread.predict = full
        answer = client.post("/predict", json={"text": "a"})
        assert answer.status_code == 503 and answer.headers["retry-after"] == "1"
        assert json.loads(answer.text) == {"error": "too many requests wait; try again later"}
