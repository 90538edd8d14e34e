"""Files of questions: every form gives the same questions, and what is wrong names file and row."""

import csv
import json

import pytest

from datamodules import QuestionFiles, SQuAD
from datamodules.files import ReadOptions
from datamodules.questions.files import Columns, read_questions
from tests import asked

CONTEXT = "Der Zug fährt nach 北京. The dog, the dog barks."
ROWS = [  # question, answer, start
    ("Wohin?", "北京", CONTEXT.index("北京")),
    ("Who?", "dog", CONTEXT.rindex("dog")),
    ("Why?", "", None),
]


def squad(rows, version="v2.0"):
    asked_ = [
        {
            "id": str(number),
            "question": question,
            "is_impossible": not text,
            "answers": [{"text": text, "answer_start": start}] if text else [],
        }
        for number, (question, text, start) in enumerate(rows)
    ]
    paragraphs = [{"context": CONTEXT, "qas": asked_}]
    return {"version": version, "data": [{"title": "t", "paragraphs": paragraphs}]}


def as_json(path, rows):
    (path / "train.json").write_text(json.dumps(squad(rows)), encoding="utf-8-sig")


def as_hub_lines(path, rows):
    lines = [
        {
            "question": question,
            "context": CONTEXT,
            "answers": {"text": [text] if text else [], "answer_start": [start] if text else []},
        }
        for question, text, start in rows
    ]
    asked.write(path, lines, "train")


def as_lists(path, rows):
    lines = [
        {
            "question": q,
            "passage": CONTEXT,
            "answers": [{"text": t, "answer_start": s}] if t else None,
        }
        for q, t, s in rows
    ]
    asked.write(path, lines, "train")


def as_csv(path, rows):
    with open(path / "train.csv", "w", encoding="gb18030", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["question", "context", "answer", "start"])
        writer.writerows([q, CONTEXT, t, "" if s is None else s] for q, t, s in rows)


def as_parquet(path, rows):
    import pandas

    columns = {"question": [r[0] for r in rows], "context": [CONTEXT] * len(rows)}
    columns |= {"answer": [r[1] for r in rows], "answer_start": [r[2] for r in rows]}
    pandas.DataFrame(columns).to_parquet(path / "train.parquet")


@pytest.mark.parametrize("write", [as_json, as_hub_lines, as_lists, as_csv, as_parquet])
@pytest.mark.parametrize("alone", [False, True])
def test_every_form_gives_the_same_questions(write, alone, tmp_path):
    write(tmp_path, ROWS)
    path = next(tmp_path.iterdir()) if alone else tmp_path
    found = read_questions(path, Columns(), ReadOptions())["train"]
    assert found.questions == [row[0] for row in ROWS]
    assert set(found.contexts) == {CONTEXT}
    assert [[tuple(a) for a in answers] for answers in found.answers] == [
        [(text, start)] if text else [] for _, text, start in ROWS
    ]


BAD = {
    "is not in its context": {"answer": "cat"},
    "is not in its context, which has 'dog'": {"answer": "DOG"},
    "other spaces": {"answer": "The  dog"},
    "stands at 27 and 36": {"answer": "dog", "start": 3},
    "not at 4 in its context, where 'Zug' stands, nor anywhere else": {"answer": "Bus", "start": 4},
    "not at -5": {"answer": "dog", "start": -5},
    "no whole number": {"answer": "dog", "start": "near"},
    "the question is empty": {"question": "  "},
    "the context is empty": {"context": ""},
    "the question is not a text": {"question": 3},
    "2 answers and 1 starts": {"answer": {"text": ["dog", "Zug"], "answer_start": [4]}},
    "an answer has no text": {"answer": {"answer_start": [4]}},
    "2 answers and 1 starts: give each": {"answer": ["dog", "Zug"], "start": 27},
    "5 is not an answer": {"answer": {"text": 5}},
    "2 answers and 1 starts: give": {"answer": {"text": ["dog", "Zug"], "answer_start": 4}},
    "an answer is empty": {"answer": {"text": [""], "answer_start": [4]}},
}


@pytest.mark.parametrize("message", BAD)
def test_a_bad_row_is_named(message, tmp_path):
    good = {"question": "Who?", "context": CONTEXT, "answer": "dog", "start": None}
    folder = asked.write(tmp_path, [good, {**good, **BAD[message]}], "train")
    file = folder / "train.jsonl"
    with pytest.raises(ValueError, match="row 2") as caught:
        read_questions(file, Columns(), ReadOptions())
    said = str(caught.value)
    assert message in said
    assert str(file) in said
    assert "\n" not in said
    kept = read_questions(file, Columns(), ReadOptions(bad_rows="skip"))["train"]
    assert len(kept) == 1
    assert "1 questions were left out: row 2" in kept.notes[0]


def test_an_answer_without_a_place_is_found(tmp_path):
    rows = [{"question": "Who?", "context": CONTEXT, "answer": word} for word in ("dog", "Zug")]
    found = read_questions(asked.write(tmp_path, rows, "train"), Columns(), ReadOptions())["train"]
    assert [answers[0].start for answers in found.answers] == [27, 4]
    assert "1 answers without a start stand several times" in found.notes[0]


@pytest.mark.parametrize("start", [[36, 4], "[36, 4]"])
def test_each_answer_of_a_list_has_its_start(start, tmp_path):
    row = {"question": "Who?", "context": CONTEXT, "answer": ["dog", "Zug"], "start": start}
    found = read_questions(asked.write(tmp_path, [row], "train"), Columns(), ReadOptions())["train"]
    assert [tuple(answer) for answer in found.answers[0]] == [("dog", 36), ("Zug", 4)]


@pytest.mark.parametrize("broken", ["a text", {"context": "c", "qas": ["q"]}])
def test_a_broken_paragraph_is_named(broken, tmp_path):
    whole = squad(ROWS)
    whole["data"][0]["paragraphs"].append(broken)
    file = tmp_path / "train.json"
    file.write_text(json.dumps(whole))
    with pytest.raises(ValueError, match=r"train.json, row 4: .* is not a mapping"):
        read_questions(file, Columns(), ReadOptions())


def test_a_flag_that_nothing_reads_is_refused(tmp_path):
    as_json(tmp_path, ROWS)
    given = {
        "start_column": (Columns(start="at"), ReadOptions()),
        "encoding": (Columns(), ReadOptions(encoding="gb18030")),
    }
    for flag, settings in given.items():
        with pytest.raises(ValueError, match=rf"^--data.{flag}: .*: leave the flag out"):
            read_questions(tmp_path, *settings)
    for flag, value in (("answer_column", "a"), ("delimiter", "tab")):
        data = SQuAD("bundled", **{flag: value})
        with pytest.raises(ValueError, match=rf"^--data.{flag}: only files have one"):
            _ = data.dataset


def test_an_answer_in_brackets_is_no_list(tmp_path):
    with open(tmp_path / "train.csv", "w", newline="") as file:
        csv.writer(file).writerows(
            [["question", "context", "answer"], ["Where?", "as [1] says", "[1]"]]
        )
    found = read_questions(tmp_path, Columns(), ReadOptions())["train"]
    assert found.answers == [[("[1]", 3)]]


def test_no_context_is_in_two_splits(tmp_path, bert):
    rows = [
        {"question": f"who {n}", "context": f"film {n // 5} was warm", "answer": "warm"}
        for n in range(150)
    ]
    file = asked.write(tmp_path, rows, "all") / "all.jsonl"
    data = QuestionFiles(str(file), tokenizer=bert)
    splits = data.dataset.splits
    assert {name: len(part) for name, part in splits.items()} == {
        "train": 120,
        "validation": 15,
        "test": 15,
    }
    contexts = [set(part.contexts) for part in splits.values()]
    assert not (contexts[0] & contexts[1] | contexts[0] & contexts[2] | contexts[1] & contexts[2])
    assert not data.unanswerable
    again = QuestionFiles(str(file), tokenizer=bert, train_rows=20, test_rows=5).dataset
    assert [len(part) for part in again.splits.values()] == [20, 15, 5]


def test_the_rows_of_the_data_mark_the_answer(tmp_path, backbone):
    data = asked.read(tmp_path, backbone)
    assert data.unanswerable
    batch = data._rows["train"].__getitems__(list(range(16)))
    for row, (first, last) in enumerate(batch["labels"].tolist()):
        start, end = int(batch["offsets"][row, first, 0]), int(batch["offsets"][row, last, 1])
        right = batch["columns"]["answers"][row]
        held = batch["columns"]["pair"][row][max(start, 0) : max(end, 0)].strip()
        assert held == (right[0] if right else "")
    assert "no answer" in data.preflight(False)
    assert "sentence with the most words" in data.preflight(False)
    facts = data.facts()
    assert facts["unanswerable"] == {"train": 9, "validation": 9}
    splits = data.dataset.splits
    assert facts["split_fingerprints"] == {n: splits[n].fingerprint[:16] for n in facts["rows"]}


def test_a_given_split_that_shares_contexts_is_told(tmp_path, bert):
    data = asked.read(tmp_path, bert)
    assert any("have a context that is in train, too" in note for note in data.notes())


def test_squad_needs_a_name_offline(monkeypatch):
    monkeypatch.setattr("datamodules.hub.reachable", lambda: False)
    monkeypatch.setattr("datamodules.hub.load_cached", lambda *args: None)
    with pytest.raises(ValueError, match="^--data.source auto: .*--data.source bundled"):
        _ = SQuAD().dataset
