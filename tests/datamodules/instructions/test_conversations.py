"""Three formats read alike; every mistake names file and row."""

import json
import re
from collections import Counter

import pytest

from datamodules import Instructions
from datamodules.files import ReadOptions, read_table
from datamodules.instructions import bundled, sources
from datamodules.instructions.conversations import Message, as_chat
from datamodules.instructions.reading import conversations, read_conversations
from tests.chats import chat
from tests.datamodules.instructions import tool_chats


def write(folder, *records, name="train.jsonl"):
    file = folder / name
    file.write_text("".join(f"{r if isinstance(r, str) else json.dumps(r)}\n" for r in records))
    return file


def messages(*pairs):
    return {"messages": [{"role": role, "content": text} for role, text in pairs]}


def test_three_formats_are_one(tmp_path):
    wanted = [chat("Add.\n\n1 2", "3")]
    spoken = [("user", "Add.\n\n1 2"), ("assistant", "3")]
    shared = [{"from": "human", "value": "Add.\n\n1 2"}, {"from": "gpt", "value": "3"}]
    for record in (
        {"instruction": "Add.", "input": "1 2", "output": "3"},
        messages(*spoken),
        {"conversations": shared, "id": 7},
    ):
        assert conversations(read_table(write(tmp_path, record))) == wanted


def test_a_file_may_mix_them(tmp_path):
    file = write(tmp_path, GOOD, messages(("user", "a"), ("assistant", "c")))
    assert conversations(read_table(file)) == [chat("a", "b"), chat("a", "c")]


def test_turns_and_a_system_message_stay(tmp_path):
    spoken = [(("user", "assistant")[n % 2], text) for n, text in enumerate("abcd")]
    record = messages(("system", "Be."), *spoken)
    found = conversations(read_table(write(tmp_path, record)))
    assert found == [chat("a", "b", "c", "d", system="Be.")]


def test_csv_parquet_and_an_array_of_json(tmp_path):
    import pyarrow as pa
    import pyarrow.parquet as pq

    (tmp_path / "a.csv").write_text("instruction,input,output\nSay b.,,b\n")
    pq.write_table(
        pa.Table.from_pylist([messages(("user", "Say b."), ("assistant", "b"))]),
        tmp_path / "a.parquet",
    )
    (tmp_path / "a.json").write_text(
        json.dumps([{"instruction": "Say b.", "output": "b"}], indent=2)
    )
    for name in ("a.csv", "a.parquet", "a.json"):
        assert conversations(read_table(tmp_path / name)) == [chat("Say b.", "b")]


GOOD = {"instruction": "a", "output": "b"}
MISTAKES = {
    "no response": (GOOD, {"instruction": "a", "output": ""}),
    "no response: the last": (messages(("user", "a")),),
    "no instruction": ({"instruction": " ", "output": "b"},),
    "roles out of order: message 2 is of user, where assistant is due": (
        messages(("user", "a"), ("user", "b"), ("assistant", "c")),
    ),
    "roles out of order: message 1 is of assistant": (messages(("assistant", "a")),),
    "roles out of order: message 3 is of system": (
        messages(("user", "a"), ("assistant", "b"), ("system", "c")),
    ),
    "message 1: unknown role 'moderator'": (messages(("moderator", "a")),),
    "unknown format": ({"text": "a"},),
    "unknown format: message 1 needs 'role' and 'content'": ({"messages": [{"text": "a"}]},),
    "'messages' is empty": ({"messages": []},),
    "is not a text": ({"instruction": 3, "output": "b"},),
    "is not JSON": (GOOD, "{broken"),
}


@pytest.mark.parametrize("said", MISTAKES)
def test_mistakes_name_file_and_row(said, tmp_path):
    records = MISTAKES[said]
    file = write(tmp_path, *records)
    with pytest.raises(ValueError, match=re.escape(said)) as caught:
        conversations(read_table(file))
    line = str(caught.value)
    assert line.startswith(f"--data.source: {file}") and "\n" not in line
    if "columns" not in line:
        assert f"row {len(records)}" in line


def test_bad_records_are_left_out_by_flag_and_listed(tmp_path):
    bad = messages(("assistant", "Hello."))
    file = write(tmp_path, *([{**GOOD, "id": 1}] * 6), bad, {"instruction": "a", "output": ""})
    with pytest.raises(ValueError, match=r"row 7: roles out of order: .* --data.bad_rows skip$"):
        read_conversations(read_table(file))
    found = read_conversations(read_table(file), "skip")
    assert found.conversations == [chat("a", "b")] * 6
    assert [row for row, _ in found.table.left_out] == [7, 8]
    left_out, unread = found.notes()
    assert left_out.startswith("train.jsonl: 2 rows were left out: row 7: roles out of order")
    assert "row 8: no response" in left_out
    assert unread == "train.jsonl: not read: `id` (6)"
    with pytest.raises(ValueError, match="all records were left out; row 1: roles out of order"):
        read_conversations(read_table(write(tmp_path, bad)), "skip")


def test_nulls_of_arrow_are_no_arguments(tmp_path):
    import pyarrow as pa
    import pyarrow.parquet as pq

    records = [tool_chats.record(), tool_chats.record()]
    for record, arguments in zip(records, ({"place": "Lima"}, {"day": 1}), strict=True):
        call = record["messages"][1]["tool_calls"][0]["function"]
        record["messages"][1]["tool_calls"][0]["function"] = {**call, "arguments": arguments}
    pq.write_table(pa.Table.from_pylist(records), tmp_path / "a.parquet")
    found = conversations(read_table(tmp_path / "a.parquet"))
    calls = [as_chat(c)[1]["tool_calls"][0]["function"]["arguments"] for c in found]
    assert calls == [{"place": "Lima"}, {"day": 1}]
    call = records[0]["messages"][1]["tool_calls"][0]["function"]
    call["arguments"] = {"place": None}  # a null that is written is meant
    (found,) = conversations(read_table(write(tmp_path, records[0])))
    assert as_chat(found)[1]["tool_calls"][0]["function"]["arguments"] == {"place": None}


def test_a_question_is_in_one_split_only(tmp_path):
    records = [{"instruction": f"Q{n % 60}", "output": f"A{n}"} for n in range(120)]
    found = sources.read(str(write(tmp_path, *records, records[0])))
    assert {"train", "validation", "test"} == found.splits.keys()
    asked = [{c[0].content for c in rows} for rows in found.splits.values()]
    assert sum(map(len, asked)) == len(set.union(*asked)) == 60
    assert sum(map(len, found.splits.values())) == 120
    assert "1 duplicate records" in found.notes[0]


def test_a_folder_keeps_its_splits(tmp_path):
    for name in ("train", "dev"):
        write(tmp_path, {"instruction": name, "output": "b"}, name=f"{name}.jsonl")
    found = sources.read(str(tmp_path))
    assert {split: rows[0][0].content for split, rows in found.splits.items()} == {
        "train": "train",
        "validation": "dev",
    }


def test_a_hub_data_set_in_turns(monkeypatch):
    import datasets

    splits = {
        name: datasets.Dataset.from_list([messages(("user", name), ("assistant", "b"))])
        for name in ("train_sft", "test_sft", "train_gen")
    }
    found = datasets.DatasetDict(splits | {"validation": splits["test_sft"]})
    monkeypatch.setattr(sources.hub, "load", lambda repo: found)
    monkeypatch.setattr(sources.hub, "source", lambda *_: "hub:a/b@c")
    read = sources.read("a/b")
    assert (read.kind, read.origin) == ("hub", "hub:a/b@c")
    assert read.splits["train"] == [chat("train_sft", "b")]
    assert read.splits["test"] == [chat("test_sft", "b")]
    monkeypatch.setattr(sources.hub, "load", lambda repo: {"all": splits["train_gen"]})
    with pytest.raises(ValueError, match=r"no train split on the hub \(there: all\)"):
        sources.read("a/b")
    for source in ("a/b", "bundled"):
        with pytest.raises(ValueError, match="^--data.header: only files have one"):
            sources.read(source, ReadOptions(header=True))


def test_a_few_records_are_split_by_their_questions(tmp_path):
    records = [{"instruction": f"Q{n // 2}", "output": f"A{n}"} for n in range(6)]
    found = sources.read(str(write(tmp_path, *records)))
    assert {split: len(rows) for split, rows in found.splits.items()} == {
        "train": 4,
        "validation": 2,
    }
    assert not {c[0] for c in found.splits["train"]} & {c[0] for c in found.splits["validation"]}


def test_questions_that_splits_share_are_counted(tmp_path):
    write(tmp_path, GOOD, {"instruction": "b", "output": "b"})
    write(tmp_path, {"instruction": " A", "output": "c"}, name="dev.jsonl")
    assert sources.read(str(tmp_path)).notes == [
        f"{tmp_path.name}: 1 validation records ask a question of train"
    ]


def test_too_few_records_to_split(tmp_path):
    with pytest.raises(ValueError, match="all ask one question, so that there is none"):
        sources.read(str(write(tmp_path, GOOD)))


ODD = "with signs of formulas or sounds, or letters of another script in a Latin word"


@pytest.mark.parametrize(
    ("question", "answer", "why"),
    [
        ("Sum up.\n<noinput>", "Nothing.", "with a placeholder such as <noinput>"),
        ("Rhyme.\n<nopace>", "A time.", "with a placeholder such as <noinput>"),
        ("Say hello.", "Say Неllo.", ODD),  # Cyrillic letters in it
        ("The distance (ε, δ)?", "It is βσ + 1.", ODD),
        ("How is it said?", "/ˈpæn/", ODD),
        ("What did it detect?", "Of 30, 系统A detected 27.", ODD),
        ("Translate into Russian: I live in it.", "Я живу в нём.", None),
        ("Translate into Chinese: water", "水", None),
        ("法国的首都是什么？", "是巴黎。iPhone手机系统A也很好。", None),
        ("東京は？", "日本の首都です。", None),
        ("서울은?", "한국의 수도.", None),
        ("ประเทศไทย?", "กรุงเทพ", None),
        ("ما عاصمة فرنسا؟", "باريس", None),
        ("हिन्दी में नमस्ते?", "नमस्ते", None),
        ("Thủ đô?", "Là Hà Nội, ở Việt Nam.", None),
        ("Go on.", "…", "without a word in question or answer"),
        ("Go on.", "so " * 700, "over-long"),
        ("Was heißt <b>?", "Naïve 1 ≤ 2 – ok.", None),
    ],
)
def test_what_is_left_out_of_the_bundled_set(question, answer, why):
    assert bundled.reason_to_drop(chat(question, answer)) == why


def test_the_bundled_set_is_counted_and_loses_its_system_message(tmp_path, monkeypatch):
    system = ("system", "You are another model.")
    rows = [("1\\. a", "2\\\\. b"), ("a <noinput>", "b"), ("ab", "ab日本")]
    records = [messages(system, ("user", q), ("assistant", a)) for q, a in rows]
    write(tmp_path, *records, name="train_all_pruned_SDG.jsonl")
    monkeypatch.setattr(bundled.packaged, "fetch", lambda key: tmp_path)
    kept, dropped, name = bundled.instructlab()
    assert kept == [(Message("user", "1. a"), Message("assistant", "2. b"))]
    assert dropped == Counter({"with a placeholder such as <noinput>": 1, ODD: 1})
    assert name == "instructlab-training 0.16.2"


@pytest.mark.slow
def test_the_bundled_set_itself():
    data = Instructions(train_rows=50, eval_rows=20, unseen="bbc", unseen_rows=3)
    data.setup("fit")
    assert data.facts()["rows"] == {"train": 50, "validation": 20, "test": 20}
    (task,) = data.questions()
    assert len(task.prompts[0]) == len(task.labels) == 3
    assert all(text.endswith("assistant\nThis article is about") for text in task.prompts[0])
