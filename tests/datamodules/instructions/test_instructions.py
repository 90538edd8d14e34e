"""Rows of conversations: padded or packed, what is learned of them, what stops a run."""

import bisect
import itertools
import json

import numpy as np
import pytest
import torch

from datamodules import Instructions
from datamodules.instructions import chat
from datamodules.instructions.packing import pack
from tests import chats


@pytest.fixture
def chat_model(tmp_path):
    """The folder of a tokenizer with a chat template."""
    chats.tokenizer("chatml").save_pretrained(tmp_path / "chat_model")
    return str(tmp_path / "chat_model")


@pytest.fixture
def source(tmp_path):
    """60 records of unlike lengths, some with long questions."""
    file = tmp_path / "records.jsonl"
    questions = [f"Say {n}." + " Please!" * (4 * (n % 8 == 0)) for n in range(60)]
    rows = [{"instruction": q, "output": f"{n} " * (1 + n % 9)} for n, q in enumerate(questions)]
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(file)


def read(source, chat_model, **settings) -> Instructions:
    data = Instructions(source, chat_model, **{"max_length": 160, "batch_tokens": 400, **settings})
    data.setup("fit")
    return data


def _ids(data) -> list[list[int]]:
    """Of the whole training records."""
    return [one.ids for one in chat.encode(data.chat_tokenizer, data.loaded.splits["train"])]


def test_packing_loses_nothing_and_fits():
    sizes = np.random.default_rng(0).integers(1, 50, 500)
    packs = pack(sizes, 100)
    assert sorted(number for row in packs for number in row) == list(range(500))
    filled = [sizes[row].sum() for row in packs]
    assert max(filled) <= 100
    assert len(packs) <= 1.02 * sizes.sum() / 100 + 1  # what cannot be bettered, and a little


def pack_by_list(sizes, room):
    """Best fit in a sorted list of rows, which takes time by the square of their number."""
    packs, free = [], []
    for number in np.argsort(-sizes, kind="stable").tolist():
        size = int(sizes[number])
        place = bisect.bisect_left(free, (size, -1))
        left, row = free.pop(place) if place < len(free) else (room, len(packs))
        if row == len(packs):
            packs.append([])
        packs[row].append(number)
        bisect.insort(free, (left - size, row))
    return packs


def test_packs_are_those_of_a_sorted_list():
    draw = np.random.default_rng(0)
    for room, high, count in [(1, 2, 5), (10, 11, 60), (100, 30, 300), (512, 513, 400), (9, 9, 0)]:
        for _ in range(4):
            sizes = draw.integers(1, high, count)
            assert pack(sizes, room) == pack_by_list(sizes, room)


def test_packed_rows_hold_the_padded_ones(source, chat_model):
    padded, packed = (read(source, chat_model, packing=on)._rows["train"] for on in (False, True))
    assert len(packed) < len(padded) / 1.3
    alone = {}
    for number in range(len(padded)):
        batch = padded.__getitems__([number])
        real = int(batch["attention_mask"].sum())
        ids, marks = (batch[name][0, :real].tolist() for name in ("input_ids", "supervised"))
        alone[tuple(ids)] = marks
    assert "position_ids" not in padded.__getitems__([0])
    seen = []
    for number in range(len(packed)):
        batch = packed.__getitems__([number])
        begins = [
            *(batch["position_ids"][0] == 0).nonzero()[:, 0].tolist(),
            int(batch["attention_mask"].sum()),
        ]
        for start, stop in itertools.pairwise(begins):
            ids = tuple(batch["input_ids"][0, start:stop].tolist())
            assert batch["supervised"][0, start:stop].tolist() == alone[ids]
            assert batch["position_ids"][0, start:stop].tolist() == list(range(stop - start))
            seen.append(ids)
    assert sorted(seen) == sorted(alone)


def test_padding_is_no_conversation_of_its_own(source, chat_model):
    rows = read(source, chat_model, packing=True)._rows["train"]
    batch = rows.__getitems__(list(range(len(rows))))
    begins = (batch["position_ids"] == 0).sum(1).tolist()
    assert begins == [len(row) for row in rows.packs]
    assert not batch["supervised"][batch["attention_mask"] == 0].any()
    assert not batch["supervised"][batch["position_ids"] == 0].any()


def test_batches_keep_to_the_token_budget(source, chat_model):
    data = read(source, chat_model)
    shapes = [batch["input_ids"].shape for batch in data.train_dataloader()]
    assert sum(rows for rows, _ in shapes) == len(data._rows["train"])
    assert all(rows * width <= 400 for rows, width in shapes)


def test_a_cut_record_has_no_end_and_one_with_nothing_to_learn_is_not_served(source, chat_model):
    whole, data = read(source, chat_model), read(source, chat_model, max_length=60)
    rows = data._rows["train"]
    # One of them lost the line end behind its end token only.
    over = torch.tensor([len(i) for i in _ids(data)]) > 61
    assert (rows.ended == ~over).all() and 0 < over.sum() < rows.truncated.sum()
    assert whole._rows["train"].ended.all()
    nothing = int((rows.supervised_counts == 0).sum())
    assert nothing and len(rows) == len(rows.sizes) - nothing > 0
    for number in range(len(rows)):
        assert rows.__getitems__([number])["supervised"].any()


def test_a_run_that_would_learn_nothing_stops(source, chat_model):
    with pytest.raises(ValueError, match=r"no token of .* would be learned; .* were cut"):
        read(source, chat_model, max_length=20)


def test_a_run_that_would_never_learn_to_stop_stops(source, chat_model, tmp_path):
    with pytest.raises(ValueError, match="not know when to stop: all were cut before it"):
        read(source, chat_model, max_length=41)
    template = tmp_path / "t.jinja"
    template.write_text(chats.CHATML.replace("<|im_end|>", "~"))
    with pytest.raises(ValueError, match="no token that ends a response would be learned"):
        read(source, chat_model, template=str(template))


def test_the_table_and_the_sample_say_what_is_learned(source, chat_model):
    data = read(source, chat_model, max_length=60)
    table, shown = data.preflight(colour=False).split("\n\n", 1)
    rows, line = data._rows["train"], table.splitlines()[1].split()
    assert line[:4] == ["train", str(len(rows.sizes)), str(len(rows)), f"{len(rows.ids):,}"]
    share = f"{100 * rows.supervised.sum() / len(rows.ids):.1f}"
    assert line[4] == share and line[6] == str(int((rows.supervised_counts == 0).sum()))
    inside = shown.split("«")[1].split("»")[0]
    assert inside.endswith("<|im_end|>") and inside.split()[0].isdigit()
    assert "\033[" not in table + shown and "\033[32m" in data.preflight(colour=True)


def test_the_table_and_the_record_count_what_was_left_out(tmp_path, chat_model):
    file = tmp_path / "records.jsonl"
    rows = [{"system": "Be.", "question": f"{n}?", "answer": "a", "id": n} for n in range(40)]
    rows += [{"question": "a", "answer": ""}, {"question": "a", "answer": 3}]
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    with pytest.raises(ValueError, match="row 41: no response"):
        read(str(file), chat_model)
    data = read(str(file), chat_model, bad_rows="skip")
    train = len(data.loaded.splits["train"])
    heads, line = data.preflight(False).splitlines()[:2]
    assert heads.endswith("cut, end learned  with system  left out")
    assert line.split()[-2:] == [str(train), "2"]
    facts = data.facts()
    left_out = facts["left_out"]["train"]
    assert left_out["rows"] == 2 and left_out["first"][1].startswith("row 42: 3 is not a text")
    assert facts["not_read"] == {"id": 40}
    assert any("2 rows were left out: row 41: " in note for note in data.notes())


def test_the_place_in_an_epoch_is_resumed(source, chat_model):
    data = read(source, chat_model)
    batches = iter(data.train_dataloader())
    for _ in range(2):
        next(batches)
    held, rest = data.state_dict(), [batch["index"].tolist() for batch in batches]
    again = read(source, chat_model)
    again.load_state_dict(held)
    assert [batch["index"].tolist() for batch in again.train_dataloader()] == rest
    other = read(source, chat_model, train_rows=10)
    with pytest.raises(ValueError, match="not what the run was trained on"):
        other.load_state_dict(held)


def test_the_cache_tells_templates_and_losses_apart(source, chat_model):
    settings = {}, {"loss": "all"}, {"template": "plain"}
    rows = [read(source, chat_model, **one)._rows["train"] for one in settings]
    assert rows[0].supervised.sum() < rows[1].supervised.sum()
    assert len(rows[2].ids) != len(rows[0].ids)
    assert torch.equal(read(source, chat_model)._rows["train"].ids, rows[0].ids)


def test_rows_are_drawn_by_the_seed_and_evaluation_rows_are_not(source, chat_model):
    one, other = (
        read(source, chat_model, train_rows=20, eval_rows=2, seed=seed) for seed in (0, 1)
    )
    assert one.loaded.splits["train"] != other.loaded.splits["train"]
    for split in ("validation", "test"):
        assert one.loaded.splits[split] == other.loaded.splits[split]
        assert len(one.loaded.splits[split]) <= 2


def test_references_are_asked_up_to_the_answer(source, chat_model):
    data = read(source, chat_model)
    for text, ids, said in data.references(3):
        assert data.chat_tokenizer.decode(ids).endswith(
            f"{text}<|im_end|>\n<|im_start|>assistant\n"
        )
        assert said.split()[0] in text
