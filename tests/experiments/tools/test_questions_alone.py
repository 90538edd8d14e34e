"""Questions without a context, for prompts that read none: predict, serve and chat alike."""

import csv
import io
import json

import pytest

from experiments.tools import chat, predict
from modules import FullFineTuning, PromptedGeneration, load
from modules.exporting import export
from tests.experiments.tools import served
from tests.modules import cells

TEMPLATES = {
    "alone": "{{ question }}",
    "either": "{% if context %}{{ context }} {% endif %}{{ question }}",
    "both": "{{ context }} {{ question }}",
}
ASKED = ["the film", "a tale"]


@pytest.fixture(scope="module")
def places(llama, tmp_path_factory) -> dict[str, str]:
    found = {}
    for name, template in TEMPLATES.items():
        task = PromptedGeneration(template=template, max_new_tokens=4)
        module = cells.stirred(FullFineTuning, llama, task)
        found[name] = str(export(module, tmp_path_factory.mktemp(name) / "export"))
    return found


@pytest.fixture
def run(piped):
    def call(*words, lines="", tool=predict):
        done = piped(tool, *words, lines=lines)
        return done.code, done.out, done.err

    return call


def predicted(out: str) -> list[str]:
    return [row["prediction"] for row in csv.DictReader(io.StringIO(out))]


@pytest.mark.quick_if(lambda case: case["name"] == "either")
@pytest.mark.parametrize("name", ["alone", "either"])
def test_a_file_or_lines_of_questions(places, name, run, tmp_path):
    wanted = load(places[name]).predict(ASKED)
    assert wanted == load(places[name]).predict([{"question": text} for text in ASKED])
    rows = [{"id": n, "question": text} for n, text in enumerate(ASKED)]
    file = tmp_path / "new.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    lines = "".join(f"{text}\n" for text in ASKED)
    empty = tmp_path / "empty.csv"
    empty.write_text("question,context\n" + "".join(f"{text},\n" for text in ASKED))
    for words, piped in [((str(file),), ""), ((str(empty),), ""), ((), lines)]:
        code, out, err = run(places[name], *words, lines=piped)
        assert code == 0, err
        assert predicted(out) == wanted
    code, out, err = run(places[name], lines=file.read_text())
    assert code == 0 and predicted(out) == wanted


@pytest.mark.slow
def test_a_context_is_read_where_there_is_one(places, run, tmp_path):
    pairs = [(text, "a warm film") for text in ASKED]
    file = tmp_path / "new.csv"
    file.write_text("question,context\n" + "".join(f"{one},{two}\n" for one, two in pairs))
    for name in ("either", "both"):
        code, out, err = run(places[name], str(file), "--max_new_tokens", "2")
        assert code == 0, err
        assert predicted(out) == load(places[name]).predict(pairs, max_new_tokens=2)


def test_a_template_that_reads_a_context_wants_one(places, run, tmp_path):
    file = tmp_path / "new.csv"
    file.write_text("question\nthe film\n")
    code, _, err = run(places["both"], str(file))
    assert code == 2 and "row 2: PromptedGeneration reads a question and its context" in err
    file.write_text("question,context\nthe film,\n")
    code, _, err = run(places["both"], str(file))
    assert code == 2 and "row 2: 'context' is empty" in err
    with pytest.raises(ValueError, match="text 2 of 2 has no context, which the template of Prom"):
        load(places["both"]).predict([("a tale", "a film"), "a tale"])
    code, _, err = run(places["both"], tool=chat, lines="the film\n")
    assert code == 2 and "its template reads a context beside the question" in err


@pytest.mark.slow
def test_a_server_takes_questions_alone_and_with_a_context(places):
    module = load(places["either"])
    wanted = module.predict([*ASKED, ("the film", "a warm film")])
    with served.in_thread(module) as client:
        assert client.get("/health").json()["reads"] == "texts or pairs"
        for number, body in enumerate([{"text": ASKED[0]}, {"text": ASKED[1], "pair": ""}]):
            found = client.post("/predict", json=body).json()
            assert found["prediction"] == wanted[number]
        texts = [ASKED[0], {"text": ASKED[1]}, ["the film", "a warm film"]]
        found = client.post("/predict", json={"texts": texts, "max_new_tokens": 4}).json()
        assert [row["prediction"] for row in found["predictions"]] == wanted
        said = client.post("/predict", json={"text": " "})
        assert said.status_code == 422 and '"text" is empty' in said.json()["error"]
    with served.in_thread(load(places["both"])) as client:
        said = client.post("/predict", json={"text": "the film"})
        assert said.status_code == 422 and '"pair" is missing' in said.json()["error"]


@pytest.mark.slow
def test_a_chat_answers_each_question_by_the_template(places, run):
    wanted = load(places["alone"]).predict(ASKED)
    lines = "".join(f"{text}\n" for text in ASKED)
    settings = ("--temperature", "0", "--max_new_tokens", "4")
    code, out, err = run(places["alone"], *settings, tool=chat, lines=lines)
    assert code == 0, err
    assert [line.strip() for line in out.splitlines()] == [text.strip() for text in wanted]
    for flag, value in {"--system": "Be kind.", "--template": "plain"}.items():
        code, _, err = run(places["alone"], flag, value, tool=chat, lines=lines)
        assert code == 2 and f"{flag}" in err and "the template of its own task" in err


def test_a_chat_names_an_export_that_is_half_written(run, tmp_path):
    (tmp_path / "module.json").write_text('{"arguments": ')
    code, _, err = run(str(tmp_path), tool=chat, lines="the film\n")
    assert code == 2 and f"{tmp_path}: cannot be read (" in err and "export it again" in err
