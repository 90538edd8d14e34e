"""Files of questions with choices: each form gives the same questions; errors name the row."""

import csv
import json

import pytest

from datamodules import ChoiceFiles, SocialIQA
from datamodules.files import ReadOptions
from datamodules.questions.choice_files import Columns, cells_of, read_choices
from datamodules.questions.choice_records import place_of
from tests import asked

ROWS = [("Who?", ["dog", "cat", "bus"], 1), ("Where?", ["here", "there"], 0)]


def table(path, name, header, rows):
    with open(path / f"train.{name}", "w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, delimiter="\t" if name == "tsv" else ",")
        writer.writerows([header, *rows])


def filled(choices):
    return [*choices, ""][:3]


FORMS = {
    "a list and a number": lambda path: asked.write(
        path, [{"question": q, "choices": c, "answer": a} for q, c, a in ROWS], "train"
    ),
    "a list and a text": lambda path: asked.write(
        path, [{"question": q, "options": c, "answer": c[a]} for q, c, a in ROWS], "train"
    ),
    "ARC's": lambda path: asked.write(
        path,
        [
            {
                "question": q,
                "choices": {"text": c, "label": ["1", "2", "3"][: len(c)]},
                "answerKey": str(a + 1),
            }
            for q, c, a in ROWS
        ],
        "train",
    ),
    "BIG-bench's": lambda path: asked.write(
        path,
        [
            {"input": q, "target_scores": {text: int(n == a) for n, text in enumerate(c)}}
            for q, c, a in ROWS
        ],
        "train",
    ),
    "letters": lambda path: table(
        path,
        "csv",
        ["question", "A", "B", "C", "answer"],
        [[q, *filled(c), "ABC"[a]] for q, c, a in ROWS],
    ),
    "numbered": lambda path: table(
        path,
        "tsv",
        ["question", "choice0", "choice1", "choice2", "label"],
        [[q, *filled(c), a] for q, c, a in ROWS],
    ),
    "from one": lambda path: table(
        path,
        "csv",
        ["question", "option_1", "option_2", "option_3", "answer"],
        [[q, *filled(c), a + 1] for q, c, a in ROWS],
    ),
    "a list in a cell": lambda path: table(
        path,
        "csv",
        ["question", "choices", "answer"],
        [[q, str(c), f"({'ABC'[a]})"] for q, c, a in ROWS],
    ),
}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_gives_the_same_questions(form, tmp_path):
    FORMS[form](tmp_path)
    columns = Columns(first=int(form == "from one"))
    found = read_choices(tmp_path, columns, ReadOptions())["train"]
    assert list(zip(found.questions, found.choices, found.answers, strict=True)) == ROWS


def test_the_form_of_swag(tmp_path):
    row = {
        "sent1": "A man runs.",
        "sent2": "He",
        "ending0": "falls.",
        "ending1": "flies.",
        "label": 1,
    }
    found = read_choices(asked.write(tmp_path, [row], "train"), Columns(), ReadOptions())["train"]
    assert (found.questions, found.choices) == (["A man runs."], [["He falls.", "He flies."]])
    assert found.answers == [1]
    assert cells_of(row) == ("A man runs.", ["He falls.", "He flies."])  # as predict reads it
    row["ending2"] = " "
    with pytest.raises(ValueError, match="choice 3 of 4 is empty"):
        read_choices(
            asked.write(tmp_path, [row | {"ending3": "sits."}], "train"), Columns(), ReadOptions()
        )


def test_named_columns(tmp_path):
    row = {"q": "Who?", "left": "dog", "right": "cat", "it": "cat", "choices": ["x", "y"]}
    columns = Columns(question="q", choices="left,right", answer="it")
    found = read_choices(asked.write(tmp_path, [row], "train"), columns, ReadOptions())["train"]
    assert (found.choices, found.answers) == ([["dog", "cat"]], [1])


BAD = {
    "the answer '2' is none of the 2 choices, which are numbered from 0": {"answer": 2},
    "--data.first_choice 1 numbers them from 1": {"answer": 2},
    "the answer 'bus' is none": {"answer": "bus"},
    "the answer 'D' is none": {"answer": "D"},
    "the answer '-1' is none": {"answer": -1},
    "has no answer": {"answer": None},
    "has 1 choice": {"choices": ["dog"]},
    "has 0 choices": {"choices": []},
    "the choice 1 of 2 is empty": {"choices": ["", "cat"]},
    "stands twice": {"choices": ["dog", "dog"]},
    "is not a list of choices": {"choices": "dog"},
    "the question is empty": {"question": " "},
}


@pytest.mark.parametrize("message", BAD)
def test_a_bad_row_is_named(message, tmp_path):
    good = {"question": "Who?", "choices": ["dog", "cat"], "answer": 0}
    file = asked.write(tmp_path, [good, {**good, **BAD[message]}], "train") / "train.jsonl"
    with pytest.raises(ValueError, match="row 2") as caught:
        read_choices(file, Columns(), ReadOptions())
    said = str(caught.value)
    assert message in said
    assert str(file) in said
    assert "\n" not in said
    kept = read_choices(file, Columns(), ReadOptions(bad_rows="skip"))["train"]
    assert len(kept) == 1
    assert "1 questions were left out: row 2" in kept.notes[0]


def test_an_answer_that_can_be_read_in_two_ways_is_refused():
    assert place_of("3", ["3", "4", "5"]) == 0  # there is no choice of the number 3
    assert place_of(1, ["1", "2", "3"]) == 1  # JSON's number is a number
    assert place_of("b", ["x", "y"]) == 1
    with pytest.raises(ValueError, match="'1' is the text of '1' and the number of '2'"):
        place_of("1", ["1", "2", "3"])
    with pytest.raises(ValueError, match="the text of 'A' and the letter of 'B'"):
        place_of("A", ["B", "A"])


def test_splits_baselines_and_batches(tmp_path, bert):
    rows = [
        {
            "context": f"film {n // 3}",
            "question": "warm",
            "choices": ["a", "best b"],
            "answer": n % 2,
        }
        for n in range(90)
    ]
    file = asked.write(tmp_path, rows, "all") / "all.jsonl"
    data = ChoiceFiles(str(file), tokenizer=bert, batch_tokens=64)
    data.setup("fit")
    parts = [set(part.contexts) for part in data.dataset.splits.values()]
    assert len(parts) == 3
    assert not (parts[0] & parts[1] | parts[0] & parts[2] | parts[1] & parts[2])
    found = data.facts()["baseline"]
    assert found["random_test"] == 0.5
    assert found["first_test"] + found["longest_test"] == pytest.approx(1.0)
    for batch in data._loader("train", shuffle=True):
        assert batch["input_ids"].numel() <= 64
        assert batch["choices"].sum() == len(batch["input_ids"])
    assert "most shared words" in data.preflight(False)


def test_social_iqa_needs_a_name():
    with pytest.raises(ValueError, match="--data.source auto: .* bundled"):
        _ = SocialIQA().dataset


def test_choices_for_prediction(tmp_path, bert):
    from experiments.tools.prediction_choices import as_question
    from experiments.tools.prediction_rows import read

    rows = [
        {"question": "Who?", "choices": ["dog", "cat"]},
        {"question": "Who?", "choices": ["dog"]},
    ]
    file = tmp_path / "new.jsonl"
    file.write_text("\n".join(map(json.dumps, rows)))
    good, bad = map(as_question, read(file, None, None, []))
    assert good.text == ("Who?", ["dog", "cat"])
    assert bad.text is None
    assert bad.reason.startswith("has 1 choice")
