"""Text without spaces and characters of several tokens: what is masked together."""

import math

import pytest
import torch

from datamodules.packaged import load_tokenizer
from datamodules.pipeline.tokenizing import train
from modules import masking
from modules.characters import Characters, token_texts
from modules.pretraining.base import PretrainingModule
from modules.pretraining.mask_sampler import MaskSampler
from modules.pretraining.word_starts import WordStarts
from modules.registry import registered
from tests import stories

CHINESE = "我们今天去北京大学学习自然语言处理。天气很好，孩子们在公园里放风筝。"
JAPANESE = "東京都の天気は晴れです。データを処理するプログラムを書いた。"
WORDS = {
    CHINESE: "我们 今天 去 北京大学 学习 自然语言 处理 。 "
    "天气 很 好 ， 孩子 们 在 公园 里 放风筝 。",
    JAPANESE: "東京都 の 天気 は 晴 れです 。 データ を 処理 する プログラム を 書 いた 。",
}


def draw(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def rows_of(tokenizer, text: str, rows: int) -> torch.Tensor:
    return torch.tensor([tokenizer.encode(text, add_special_tokens=False)] * rows)


def groups(tokenizer, ids: torch.Tensor, starts: torch.Tensor) -> list[str]:
    texts, found = token_texts(tokenizer), []
    for number, start in zip(ids[0].tolist(), starts[0].tolist(), strict=True):
        if start or not found:
            found.append(b"")
        found[-1] += texts[number]
    return [text.decode().strip() for text in found if text.strip()]


@pytest.fixture(scope="module", params=["bpe", "wordpiece", "unigram"])
def tokenizer(request):
    return train(request.param, iter([CHINESE, JAPANESE, "the old king sails"] * 9), 300)


@pytest.mark.parametrize("text", [CHINESE, JAPANESE], ids=["zh", "ja"])
def test_words_of_unspaced_text_are_the_segmenter_s(text):
    tokenizer = train("bpe", iter(["the old king"]), 268)  # knows no character but as bytes
    ids = rows_of(tokenizer, text, 1)
    assert groups(tokenizer, ids, WordStarts(tokenizer)(ids)) == WORDS[text].split()


@pytest.mark.parametrize("text", [CHINESE, JAPANESE], ids=["zh", "ja"])
def test_a_token_of_two_words_joins_them(tokenizer, text):
    ids = rows_of(tokenizer, text, 1)
    found = groups(tokenizer, ids, WordStarts(tokenizer)(ids))
    assert "".join(found) == text and len(found) > 8
    ends = {len("".join(WORDS[text].split()[:n])) for n in range(30)}
    assert all(len("".join(found[:n])) in ends for n in range(len(found)))


def test_words_between_spaces_stay_as_they_were(tokenizer):
    text = "the old king sails"
    mixed = rows_of(tokenizer, f"{text} 孩子们在公园里 {text}", 1)
    found = groups(tokenizer, mixed, WordStarts(tokenizer)(mixed))
    assert found[:4] == found[-4:] == text.split() and len(found) > 10


def test_word_pieces_of_a_finished_tokenizer(bert):
    tokenizer = load_tokenizer(bert)
    ids = rows_of(tokenizer, "the film", 2)
    assert torch.equal(WordStarts(tokenizer)(ids), WordStarts(tokenizer).starts[ids])


@pytest.mark.parametrize("unit", ["token", "span", "word"])
def test_no_half_of_a_character_is_masked(unit):
    tokenizer = train("bpe", iter(["the old king"]), 268)
    ids = rows_of(tokenizer, "à 天气很好😀 end", 3000)
    masks = MaskSampler(tokenizer, 0.3, unit)
    seen, chosen = masks(ids, torch.ones_like(ids, dtype=torch.bool), draw())
    hidden = seen == tokenizer.mask_token_id
    inside = Characters(tokenizer).inside[ids][0].tolist()
    assert sum(inside) == 1 + 4 * 2 + 3
    for place in (n for n, later in enumerate(inside) if later):
        assert torch.equal(chosen[:, place], chosen[:, place - 1])
        # A token drawn at random may be the mask.
        assert (hidden[:, place] != hidden[:, place - 1]).float().mean() < 0.01
    share = chosen.float().mean(0)
    assert (share - 0.3).abs().max() < 5 * math.sqrt(0.3 * 0.7 / 3000)


@pytest.mark.parametrize("objective", ["SpanCorruption", "PermutationLM", "ReplacedTokenDetection"])
def test_no_objective_splits_a_character(objective, path):
    module = stories.make(registered(PretrainingModule)[objective], path)
    ids = rows_of(module.tokenizer, "天气很好，孩子们在放风筝", 200)
    batch = {"input_ids": ids, "attention_mask": torch.ones_like(ids)}
    example = module.corrupt(batch, draw())
    texts = token_texts(module.tokenizer)
    if objective == "SpanCorruption":
        whole = [example["inputs"]["input_ids"], example["targets"].unsqueeze(0)]
        sides = [row[row != module._pad] for part in whole for row in part]
    else:
        places = example.get("target_mask")
        full = example["original"] if "original" in example else example["inputs"]["input_ids"]
        if objective == "PermutationLM":
            places = example["inputs"]["target_mapping"].sum(1) > 0
        sides = [row[here] for row, here in zip(full, places, strict=True)]
    assert sum(map(len, sides)) > 100
    for side in sides:
        b"".join(texts[number] for number in side.tolist()).decode()  # no half is left over


def test_rows_and_batches_share_draws_alike():
    tokenizer = train("bpe", iter(["the old king"]), 268)
    ids, characters = rows_of(tokenizer, "天气很好", 1), Characters(tokenizer)
    settings = torch.ones_like(ids, dtype=torch.bool), 4, 268, 0.5
    both = masking.mask_tokens(ids, *settings, draw(), characters)[1]
    row = masking.mask_tokens(ids[0], settings[0][0], *settings[1:], draw(), characters)[1]
    assert torch.equal(both[0], row)
    assert torch.equal(both.view(4, 3).any(1), both.view(4, 3).all(1))
