"""Token rows: what is in them, and when the cache serves."""

import shutil

import pytest
import torch
import transformers

from datamodules import token_cache, tokens
from datamodules.packaged import cache_folder
from datamodules.tables import TextSplit
from tests.conftest import WORDS, save_wordpiece

TEXTS = ["a gripping film", "dull", "the best film of the year"]
PAIRS = ["warm", "a cold tale", "clever"]
LABELS = [1, 0, 1]


@pytest.fixture(autouse=True)
def fresh(tmp_path, monkeypatch):
    monkeypatch.setenv("PRETUNE_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def encoded(monkeypatch) -> list[int]:
    """How many times texts went through the tokenizer."""
    calls, encode = [], tokens._encode

    def counted(*args):
        calls.append(len(args[1]))
        return encode(*args)

    monkeypatch.setattr(tokens, "_encode", counted)
    return calls


def rows_of(name, texts=TEXTS, pairs=None, labels=LABELS, max_length=None):
    split = TextSplit(list(texts), pairs, list(labels))
    return tokens.tokenize_texts(
        name, texts, pairs, torch.tensor(labels), split.fingerprint, max_length
    )


def cached() -> list[str]:
    return sorted(f.name for f in (cache_folder() / "tokens").iterdir() if f.suffix != ".lock")


def test_rows_are_what_the_tokenizer_makes_of_each_text(backbone):
    tokenizer = transformers.AutoTokenizer.from_pretrained(backbone)
    for pairs in (None, PAIRS):
        rows = rows_of(backbone, pairs=pairs)
        assert len(rows) == 3 and not rows.truncated.any()
        batch = rows.__getitems__([2, 0])
        assert batch["index"].tolist() == [2, 0] and batch["labels"].tolist() == [1, 1]
        length = batch["input_ids"].shape[1]
        assert length == max(int(rows.lengths[row]) for row in (0, 2))
        for place, row in enumerate((2, 0)):
            pair = None if pairs is None else pairs[row]
            if pairs is not None and "llama" in backbone:  # which has nothing to put between them
                wanted = tokenizer(f"{TEXTS[row]}\n{pair}")
            else:
                wanted = tokenizer(TEXTS[row], pair)
            size = len(wanted["input_ids"])
            assert batch["input_ids"][place].tolist() == wanted["input_ids"] + [rows.pad] * (
                length - size
            )
            assert batch["attention_mask"][place].tolist() == [1] * size + [0] * (length - size)
            if pairs is not None and "token_type_ids" in wanted:
                types = wanted["token_type_ids"] + [0] * (length - size)
                assert batch["token_type_ids"][place].tolist() == types and 1 in types
        assert ("token_type_ids" in batch) == (pairs is not None and "bert" in backbone)
        assert all(batch[key].dtype == torch.int64 for key in batch)


def test_chunks_do_not_show(bert, monkeypatch):
    texts = [TEXTS[number % 3] for number in range(10_002)]
    rows = rows_of(bert, texts, labels=[0] * 10_002)
    few = rows_of(bert, labels=[0] * 3)
    assert torch.equal(rows.ids, few.ids.repeat(3_334)) and len(rows) == 10_002


def test_the_same_texts_are_tokenised_once(bert, encoded):
    first, second = rows_of(bert), rows_of(bert)
    assert encoded == [3] and len(cached()) == 1
    for name in ("ids", "types", "starts", "labels", "truncated"):
        assert torch.equal(getattr(first, name), getattr(second, name))
    assert first.pad == second.pad


def test_anything_else_has_a_place_of_its_own(bert, llama, tmp_path, encoded):
    other = tmp_path / "same-name" / "bert"
    shutil.copytree(bert, other)
    variants = [
        {},
        {"texts": [*TEXTS[:2], TEXTS[2] + " a"]},
        {"texts": ["a gripping", "film dull", TEXTS[2]]},  # the same words, cut elsewhere
        {"labels": [1, 1, 1]},
        {"pairs": PAIRS},
        {"max_length": 5},
        {"max_length": 6},
    ]
    for variant in variants:
        rows_of(other, **variant)
    assert len(cached()) == len(encoded) == len(variants)
    # Another vocabulary under the same name.
    before = rows_of(other).ids
    save_wordpiece(other, list(reversed(WORDS)))
    after = rows_of(other).ids
    assert len(encoded) == len(variants) + 1 and not torch.equal(before, after)
    rows_of(llama)
    assert len(encoded) == len(variants) + 2
    for variant in variants:
        rows_of(bert, **variant)
    assert len(encoded) == len(variants) + 2  # a tokenizer is known by what it does, not its place


def test_long_rows_are_cut_and_counted(bert):
    rows = rows_of(bert, max_length=5)
    assert rows.lengths.tolist() == [5, 3, 5] and rows.truncated.tolist() == [False, False, True]
    tokenizer = transformers.AutoTokenizer.from_pretrained(bert)
    wanted = tokenizer(TEXTS[2], truncation=True, max_length=5)["input_ids"]
    assert rows.__getitems__([2])["input_ids"][0].tolist() == wanted
    exact = rows_of(bert, max_length=8)
    assert exact.lengths.max() == 8 and not exact.truncated.any()
    long = rows_of(bert, ["film " * 500], labels=[0])
    assert long.lengths.tolist() == [64] and long.truncated.tolist() == [True]


def test_a_limit_above_the_models_is_refused_and_its_own_is_found(bert, tmp_path):
    with pytest.raises(ValueError, match=r"--data.max_length 65: .* takes at most 64 tokens$"):
        rows_of(bert, max_length=65)
    # A tokenizer that knows no limit, as many on the hub: the model's config has it.
    folder = tmp_path / "unlimited"
    shutil.copytree(bert, folder)
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    tokenizer.model_max_length = 10**30
    tokenizer.save_pretrained(folder)
    rows = rows_of(folder, ["film " * 500], labels=[0])
    assert rows.lengths.tolist() == [64] and rows.truncated.tolist() == [True]


def test_a_run_that_dies_half_way_leaves_nothing(bert, monkeypatch):
    def half(tensors, file) -> None:
        file.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(token_cache, "save_file", half)
    with pytest.raises(OSError, match="No space"):
        rows_of(bert)
    assert cached() == []
    monkeypatch.undo()


@pytest.mark.parametrize("damage", [b"", b"garbage that is no table", None])
def test_a_damaged_file_is_made_again_with_a_note(bert, encoded, capsys, damage):
    good = rows_of(bert).ids.tolist()
    file = cache_folder() / "tokens" / cached()[0]
    damage = file.read_bytes()[:-3] if damage is None else damage
    file.unlink()  # not in place: tensors may still be mapped to it
    file.write_bytes(damage)
    again = rows_of(bert)
    assert again.ids.tolist() == good and encoded == [3, 3]
    said = capsys.readouterr().err.strip()
    assert str(file) in said and "damaged" in said and "\n" not in said
    rows_of(bert)
    assert encoded == [3, 3] and len(cached()) == 1
