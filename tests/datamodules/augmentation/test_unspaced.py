"""Augmentation of Chinese, Japanese and Korean text: by words of a segmenter, or with a reason."""

from random import Random

import pytest

from datamodules import TextFiles
from datamodules.augmentation.methods import METHODS
from datamodules.segmentation import split_words
from tests.datamodules.augmentation.conftest import augmented

TEXTS = {
    "zh": "这家酒店的房间很干净，服务员也非常热情。早餐的种类不多！下次还会来吗？",
    "ja": "このホテルの部屋はとても清潔でした。朝食の種類は少ない。また来たいと思います。",
    "ko": "이 호텔의 방은 아주 깨끗했습니다. 아침 식사는 종류가 적었어요. 다시 오고 싶습니다.",
}
SENTENCE = {"zh": "房间很干净", "ja": "部屋は清潔でした", "ko": "방은 깨끗했습니다"}


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_each_method_changes_a_text_and_keeps_its_words(text):
    words = sorted(split_words(text))
    for seed in range(5):
        shorter = METHODS["deletion"]()(text, Random(seed))
        assert 0.5 * len(text) < len(shorter) < len(text)
        swapped = METHODS["swap"]()(text, Random(seed))
        assert swapped != text and sorted(swapped) == sorted(text)
        if not text.startswith("이"):  # a word of Korean is what stands between spaces
            assert len(set(words) - set(split_words(swapped))) <= 4  # nearly all words are whole
        shuffled = METHODS["sentence_shuffle"]()(text, Random(seed))
        assert shuffled != text and sorted(shuffled) == sorted(text)


@pytest.mark.parametrize("name", ["deletion", "swap", "recombination"])
@pytest.mark.parametrize("language", TEXTS)
def test_one_sentence_is_enough(language, name):
    texts = [SENTENCE[language], TEXTS[language]]
    assert len(augmented(texts, None, [name], 1, 0)[0]) == 2


def test_halves_are_joined_without_a_space():
    made = METHODS["recombination"]()(TEXTS["zh"], Random(0), TEXTS["zh"])
    assert made == TEXTS["zh"]
    made = METHODS["recombination"]()("房间很干净", Random(0), "服务非常热情")
    assert made == "房间很热情"
    assert METHODS["recombination"]()("Good. 好。", Random(0), "Bad. Fine.") == "Good. Fine."


def test_swaps_are_those_of_a_plain_search():
    """The n-th place with another word is found without a list of all of them."""

    def plain(text: str, share: float, random: Random) -> str:
        words = text.split()
        for _ in range(max(1, int(share * len(words)))):
            one = random.choice(range(len(words)))
            other = random.choice([n for n, word in enumerate(words) if word != words[one]])
            words[one], words[other] = words[other], words[one]
        return " ".join(words)

    text = " ".join(Random(1).choices(["a", "b", "c", "the", "of"], k=60))
    for seed in range(20):
        assert METHODS["swap"](0.5)(text, Random(seed)) == plain(text, 0.5, Random(seed))


def test_a_method_that_changes_nothing_says_why(tmp_path, bert):
    rows = ["text,label", *(f"{TEXTS['zh']}{n},{'好' if n % 2 else '差'}" for n in range(40))]
    source = tmp_path / "reviews.csv"
    source.write_text("\n".join(rows))

    def data(augment: str) -> TextFiles:
        made = TextFiles(source=str(source), tokenizer=bert, augment=augment)
        made.setup("fit")
        return made

    notes = " ".join(data("synonyms,swap").notes())
    assert "synonyms changed none (it knows English words only)" in notes
    assert "swap changed none" not in notes
    with pytest.raises(ValueError, match=r"--data.augment: synonyms: no text was added .* English"):
        data("synonyms")
    with pytest.raises(ValueError, match=r"--data.augment: back_translation: its models translate"):
        data("back_translation")
