"""predict.py with a model that marks answers: files, lines of JSON, and one-line errors."""

import csv
import io
import json

import pytest

from experiments.tools import predict
from modules import FullFineTuning, MultipleChoice, QuestionAnswering, load
from modules.exporting import export
from tests import asked
from tests.modules import cells

ROWS = [
    {"id": n, "question": q, "context": c}
    for n, (q, c) in enumerate([("the film", "a warm film " * 30), ("a tale", "a cold tale")])
]


@pytest.fixture(scope="module")
def place(bert, tmp_path_factory):
    module = cells.stirred(FullFineTuning, bert, QuestionAnswering())
    return str(export(module, tmp_path_factory.mktemp("answers") / "export"))


@pytest.fixture
def run(piped):
    def call(*words, lines=""):
        done = piped(predict, *words, lines=lines)
        return done.code, done.out, done.err

    return call


def test_a_file_and_lines_of_json_give_the_answers_of_predict(place, run, tmp_path):
    wanted = load(place).predict([(row["question"], row["context"]) for row in ROWS])
    file = asked.write(tmp_path, ROWS, "new") / "new.jsonl"
    code, out, err = run(place, str(file), "--answers", "3")
    assert code == 0, err
    found = list(csv.DictReader(io.StringIO(out)))
    assert [row["prediction"] for row in found] == [one["answer"] for one in wanted]
    assert [int(row["start"]) for row in found] == [one["start"] for one in wanted]
    assert [row["id"] for row in found] == ["0", "1"]
    for row, one in zip(found, wanted, strict=True):
        best = json.loads(row["answers"])[0]
        assert best == {**one, "score": round(one["score"], 6)}
    code, out, err = run(place, lines=file.read_text())
    assert code == 0, err
    piped = list(csv.DictReader(io.StringIO(out)))
    assert [row["prediction"] for row in piped] == [row["prediction"] for row in found]


def test_other_columns_are_named(place, run, tmp_path):
    rows = [{"asked": row["question"], "passage": row["context"]} for row in ROWS]
    file = asked.write(tmp_path, rows, "new") / "new.jsonl"
    code, out, err = run(place, str(file), "--column", "asked", "--pair_column", "passage")
    assert code == 0, err
    assert len(out.splitlines()) == 3


@pytest.mark.parametrize(
    ("rows", "words", "said"),
    [
        ([{"text": "warm"}], [], "row 1: QuestionAnswering reads a question and its context"),
        ([{"question": "", "context": "warm"}], [], "row 1: 'question' is empty"),
        (ROWS, ["--top", "2"], "--top 2: QuestionAnswering has no labels"),
        (ROWS, ["--answers", "0"], "--answers 0: at least 1"),
    ],
)
def test_what_does_not_fit_is_one_line(place, run, tmp_path, rows, words, said):
    file = asked.write(tmp_path, rows, "new") / "new.jsonl"
    code, _, err = run(place, str(file), *words)
    assert code == 2
    assert said in err
    assert "Traceback" not in err


def test_a_model_that_chooses_reads_choices(bert, run, tmp_path):
    module = cells.stirred(FullFineTuning, bert, MultipleChoice())
    place = str(export(module, tmp_path / "export"))
    rows = [
        {"question": "the film", "A": "warm", "B": "cold"},
        {"question": "a", "A": "b", "B": ""},
    ]
    file = tmp_path / "new.csv"
    with file.open("w", newline="") as stream:
        table = csv.DictWriter(stream, list(rows[0]))
        table.writeheader()
        table.writerows(rows)
    code, out, err = run(place, str(file))
    assert code == 2
    assert "row 3: has 1 choice" in err
    code, out, err = run(place, str(file), "--bad_rows", "skip")
    assert code == 0, err
    wanted = module.predict([("the film", ["warm", "cold"])])[0]
    (found,) = csv.DictReader(io.StringIO(out))
    assert (found["prediction"], found["index"]) == (wanted["answer"], str(wanted["index"]))
    line = json.dumps({"question": "the film", "choices": ["warm", "cold"]})
    code, out, err = run(place, lines=f"{line}\n")
    assert code == 0, err
    assert next(csv.DictReader(io.StringIO(out)))["prediction"] == wanted["answer"]
    code, out, err = run(place, lines="a text\n")
    assert code == 2
    assert "row 1: has no column of choices" in err
