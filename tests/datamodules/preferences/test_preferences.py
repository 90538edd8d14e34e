"""Preferences from files: the forms of records, bad input by file and row, and what is served."""

import json
import re
from collections import Counter

import pytest

from datamodules import Preferences
from datamodules.preferences import bundled
from datamodules.preferences.records import read_example
from tests.experiments.chatting import save_speaker

USER, SAID = {"role": "user", "content": "Hi?"}, {"role": "assistant", "content": "Yes."}
OTHER = {"role": "assistant", "content": "No."}
TURNS = [USER, SAID, {"role": "user", "content": "Sure?"}]
SPOKEN = "\n\nHuman: Hi?\n\nAssistant: "
TEXTS = {"prompt": "Hi?", "chosen": "Yes.", "rejected": "No."}

FORMS = {
    "texts": TEXTS,
    "messages": {"prompt": [USER], "chosen": [SAID], "rejected": [OTHER]},
    "one message": {"prompt": [USER], "chosen": SAID, "rejected": OTHER},
    "messages as JSON": {**TEXTS, "prompt": json.dumps([USER]), "chosen": json.dumps([SAID])},
    "text prompt, messages": {"prompt": "Hi?", "chosen": [SAID], "rejected": [OTHER]},
    "whole": {"chosen": [USER, SAID], "rejected": [USER, OTHER]},
    "whole beside its prompt": {"prompt": "Hi?", "chosen": [USER, SAID], "rejected": [USER, OTHER]},
    "spoken": {"chosen": f"{SPOKEN}Yes.", "rejected": f"{SPOKEN}No."},
    "spoken prompt": {**TEXTS, "prompt": SPOKEN},
    "ShareGPT": {
        "conversations": [{"from": "human", "value": "Hi?"}],
        "chosen": {"from": "gpt", "value": "Yes."},
        "rejected": {"from": "gpt", "value": "No."},
    },
    "OpenAI": {
        "input": {"messages": [USER]},
        "preferred_output": [SAID],
        "non_preferred_output": [OTHER],
    },
    "question": {"question": "Hi?", "chosen": "Yes.", "rejected": "No.", "score": 3},
    "capitals": {"Prompt": "Hi?", "Chosen": "Yes.", "Rejected": "No."},
}


@pytest.mark.parametrize("record", FORMS.values(), ids=FORMS)
def test_forms_of_couples(record):
    found = read_example(record, Counter())
    assert [(m.role, m.content) for m in found.answer] == [("user", "Hi?"), ("assistant", "Yes.")]
    assert found.rejected is not None
    assert found.rejected[:-1] == found.answer[:-1]
    assert found.rejected[-1].content == "No."


@pytest.mark.parametrize("form", ["texts", "whole", "whole beside its prompt"])
def test_a_key_that_nothing_reads_counts_once(form):
    unread: Counter[str] = Counter()
    read_example({**FORMS[form], "system": "Be short.", "rating": 3}, unread)
    assert unread == {"rating": 1}


def test_bundled_couples_are_read_without_a_flag_of_files(llama):
    with pytest.raises(ValueError, match="^--data.header: only files have one"):
        _ = Preferences("bundled", llama, max_length=64, header=True).loaded


@pytest.mark.parametrize("source", ["allenai/tulu-2.5-preference-data", "data/pairs.jsonl"])
def test_a_version_in_a_name_is_no_ending_of_a_file(source, llama, monkeypatch):
    monkeypatch.setattr("datamodules.hub.load", lambda repo: 1 / 0)
    asked = ZeroDivisionError if source[0] == "a" else FileNotFoundError
    with pytest.raises(asked):
        _ = Preferences(source, llama, max_length=64).loaded


def test_only_the_last_answer_is_learned_and_the_system_message_is_kept():
    system = {"role": "system", "content": "Be short."}
    whole = {"chosen": [system, *TURNS, SAID], "rejected": [system, *TURNS, OTHER]}
    apart = {"system": "Be short.", "prompt": TURNS, "chosen": "Yes.", "rejected": "No."}
    for record in (whole, apart):
        found = read_example(record, Counter())
        assert [m.role[0] for m in found.answer] == ["s", "u", "a", "u", "a"]
        assert [m.learned for m in found.answer if m.role == "assistant"] == [False, True]


@pytest.mark.parametrize(
    ("label", "good"),
    [(True, True), (0, False), ("false", False), ("desirable", True), (1.0, True)],
)
def test_labelled_answers(label, good):
    found = read_example({"prompt": "Hi?", "completion": "Yes.", "label": label}, Counter())
    assert (found.rejected, found.good, found.answer[-1].content) == (None, good, "Yes.")


BAD = {
    "are equal": {**TEXTS, "rejected": " Yes.\n"},
    "'rejected': is empty": {**TEXTS, "rejected": "  "},
    "'chosen': is empty": {**TEXTS, "chosen": ""},
    "'chosen': is no text (3)": {**TEXTS, "chosen": 3},
    "no instruction: message 1 is empty": {**TEXTS, "prompt": ""},
    "no response: message 2 is empty": {
        "chosen": [USER, SAID],
        "rejected": [USER, {"role": "assistant", "content": ""}],
    },
    "answer different prompts": {
        "chosen": [USER, SAID],
        "rejected": [{"role": "user", "content": "Ho?"}, OTHER],
    },
    "answers a different prompt than 'prompt'": {
        "prompt": "Ho?",
        "chosen": [USER, SAID],
        "rejected": [USER, OTHER],
    },
    "has no prompt": {"chosen": "Yes.", "rejected": "No."},
    "there is 'rejected' and not the other answer": {**TEXTS, "chosen": None},
    "there is 'chosen' and not the other answer": {"prompt": "Hi?", "chosen": "Yes."},
    "the last word is not the assistant's": {"chosen": TURNS, "rejected": TURNS},
    "'label' is 'maybe'": {"prompt": "Hi?", "completion": "Yes.", "label": "maybe"},
    "has one answer with a label": {"prompt": "Hi?", "completion": "Yes.", "label": 1},
}


@pytest.fixture(scope="module")
def speaker(tmp_path_factory) -> str:
    return save_speaker(tmp_path_factory.mktemp("speaker"))


def read(file: str, speaker: str, **settings) -> Preferences:
    data = Preferences(file, speaker, **{"max_length": 160, **settings})
    data.setup("fit")
    return data


def write(file, records):
    file.write_text("".join(json.dumps(record) + "\n" for record in records))
    return str(file)


def records(count: int = 40) -> list[dict]:
    return [
        {"prompt": f"Say {n}.", "chosen": f"{n}", "rejected": f"{n + 1} " * (1 + n % 5)}
        for n in range(count)
    ]


@pytest.mark.parametrize("message", BAD)
def test_bad_records_name_file_and_row(message, speaker, tmp_path):
    file = write(tmp_path / "pairs.jsonl", [*records(10), BAD[message], *records(3)])
    where = f"{file}, row 11: "
    with pytest.raises(ValueError, match=f"^--data.source: {re.escape(where)}[^\\n]*$") as caught:
        read(file, speaker)
    assert message in str(caught.value)
    notes = read(file, speaker, bad_rows="skip").notes()
    assert any("row 11" in note and message in note for note in notes)


def test_rows_are_chosen_answers_and_then_rejected_ones(speaker, tmp_path):
    data = read(write(tmp_path / "pairs.jsonl", records()), speaker)
    rows, texts = data._rows["train"], data.texts_of("train")
    batch = rows.__getitems__([2, 0, 5])
    assert batch["desirable"].tolist() == [[1, 1, 1], [0, 0, 0]]
    for place, row in enumerate((2, 0, 5)):
        for half, name in ((0, "chosen"), (3, "rejected")):
            ids = batch["input_ids"][place + half][batch["supervised"][place + half]]
            said = data.chat_tokenizer.decode(ids, skip_special_tokens=True)
            assert said.strip() == texts[name][row][-1].content.strip()
    width = batch["attention_mask"].sum(1).max()
    assert rows.lengths[[2, 0, 5]].max() == 2 * width
    facts = data.facts()
    assert facts["couples"] and facts["split_fingerprints"].keys() == facts["rows"].keys()
    assert data.longer_chosen()["train"] < 0.5
    assert "chosen longer" in data.preflight(False)


def test_labelled_rows_come_alone(speaker, tmp_path):
    rows = [
        {"prompt": r["prompt"], "completion": r[n], "label": n == "chosen"}
        for r in records()
        for n in ("chosen", "rejected")
    ]
    data = read(write(tmp_path / "labels.jsonl", rows), speaker)
    batch = data._rows["train"].__getitems__([0, 1, 2])
    assert batch["desirable"].tolist() == [
        int(data.loaded.splits["train"][n].good) for n in range(3)
    ]
    assert list(data.texts_of("train")) == ["answer"]
    good = [row for row in rows if row["label"]]
    with pytest.raises(ValueError, match=r"all answers of train are good: add some of the other"):
        read(write(tmp_path / "good.jsonl", good), speaker)
    write(tmp_path / "train.jsonl", rows)
    write(tmp_path / "dev.jsonl", good)
    with pytest.raises(ValueError, match=r"all answers of validation are good: add some"):
        read(str(tmp_path), speaker)


def test_couples_that_are_cut_to_the_same_tokens_are_not_used(speaker, tmp_path):
    long = [
        {"prompt": "Go on.", "chosen": "a" * 99 + "b", "rejected": "a" * 99 + "c"},
        {"prompt": "p" * 120, "chosen": "a", "rejected": "b"},
    ]
    file = write(tmp_path / "pairs.jsonl", [*records(), *long])
    data = read(file, speaker, max_length=100)
    assert any("rows are not used: --data.max_length 100" in note for note in data.notes())
    for split, rows in data._rows.items():  # as the places in the batches count them
        assert {len(texts) for texts in data.texts_of(split).values()} == {len(rows)}
    with pytest.raises(ValueError, match=r"^--data.max_length 8: cuts off the answers of all"):
        read(file, speaker, max_length=8)


def test_bundled_answers_stay_in_their_split(monkeypatch):
    from datamodules.splitting import hash_split
    from tests import chats

    made = [chats.chat(f"What is {n} and {n % 7}?", f"It is {n}.") for n in range(300)]
    monkeypatch.setattr(bundled, "instructlab", lambda: (made, Counter(), "set"))
    splits, _, notes = bundled.answers()
    asked = {record[1].content: record[0].content for record in made}
    for couple in splits["train"]:
        questions = [asked[one[-1].content] for one in (couple.answer, couple.rejected)]
        assert questions[0] != questions[1]
        assert len({hash_split(question) for question in questions}) == 1
    assert len(splits["train"]) > 200
    assert notes
