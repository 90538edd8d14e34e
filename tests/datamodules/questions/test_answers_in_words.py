"""Questions whose answers are in free words, with contexts or without."""

import json

import pytest

from datamodules import Descriptions, QuestionFiles, packaged
from modules import PromptedGeneration, QuestionAnswering
from modules.label_checks import check_data

ROWS = [{"question": f"a film {n}", "answers": ["the year", "best"]} for n in range(40)]


def write(file, rows):
    file.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return str(file)


def test_answers_need_no_context(llama, tmp_path):
    source = write(tmp_path / "asked.jsonl", ROWS)
    data = QuestionFiles(source, answers="words", tokenizer=llama, max_length=32)
    data.setup("fit")
    splits = data.dataset.splits
    assert sum(map(len, splits.values())) == 40
    assert not {*splits["train"].questions} & {*splits["validation"].questions}
    columns = data.texts_of("train")
    assert columns["answers"][0] == ["the year", "best"]
    assert set(columns["pair"]) == {""}
    assert not any("in no window" in note for note in data.notes())
    check_data(PromptedGeneration(), data)
    with pytest.raises(ValueError, match=r"QuestionAnswering: .* an answer in free words; give"):
        check_data(QuestionAnswering(), data)


def test_an_answer_that_is_nowhere_says_how_to_read_it(llama, tmp_path):
    rows = [{**row, "context": "a warm tale"} for row in ROWS]
    source = write(tmp_path / "asked.jsonl", rows)
    with pytest.raises(ValueError, match=r"row 1: .*not in its context; --data.answers words"):
        QuestionFiles(source, tokenizer=llama).dataset  # noqa: B018
    found = QuestionFiles(source, answers="words", tokenizer=llama)._read()["train"]
    assert found.answers[0][0].text == "the year"
    assert found.contexts[0] == "a warm tale"


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"question": " ", "answers": "a"}, "the question is empty"),
        ({"question": "a", "answers": [{"text": " "}]}, "an answer is not a text"),
        ({"question": "a", "answers": {"b": 1}}, "an answer has no text"),
        ({"question": 3, "answers": "a"}, "the question is not a text"),
    ],
)
def test_a_row_that_cannot_be_asked_is_named(row, said, tmp_path):
    source = write(tmp_path / "asked.jsonl", [*ROWS, row])
    with pytest.raises(ValueError, match=f"asked.jsonl, row 41: .*{said}"):
        QuestionFiles(source, answers="words")._read()


def test_descriptions_are_asked_by_title(tmp_path, monkeypatch, llama):
    entries = {
        f"T{n}": {"title": f"T{n}", "extract": f"T{n} is a tale.", "description": "Tale" * (n > 0)}
        | {"topic": "People" if n == 1 else "Arts"}
        for n in range(60)
    }
    (tmp_path / "summaries_en-us.json").write_text(json.dumps(entries))
    monkeypatch.setattr(packaged, "fetch", lambda name: tmp_path)
    data = Descriptions(tokenizer=llama, context=False)
    found = {}
    for part in data.dataset.splits.values():
        found |= dict(zip(part.questions, part.answers, strict=True))
    assert len(found) == 59
    assert found["Who is T1?"][0].text == found["What is T2?"][0].text == "Tale"
    with_texts = Descriptions(tokenizer=llama).dataset.splits["train"]
    assert with_texts.contexts[0].endswith("is a tale.")
    with pytest.raises(ValueError, match=r"^--data.source hub: has no hub data set: give bundled"):
        Descriptions(source="hub").dataset  # noqa: B018
