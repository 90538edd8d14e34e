import pytest
from datatrove.data import Document
from datatrove.pipeline.filters import (
    C4QualityFilter,
    FineWebQualityFilter,
    GopherQualityFilter,
    GopherRepetitionFilter,
)

from datamodules.classification import bundled_reviews
from datamodules.pipeline.cleaning import clean
from datamodules.pipeline.pages import Page
from datamodules.pipeline.rules import GROUPS, limits_of

PROSE = (
    "The old man walked to the harbour that morning, as he had done for thirty years. He sat down "
    "with his nets and began to mend them. Nobody spoke to him, and that was what he wanted. A boy "
    "came by with a dog, looked at him for a while, and asked what the knots were for. They hold "
    "the sea together, he said. The boy laughed and ran away.\n"
    "In the evening the wind turned. The boats came back early and low in the water. He counted "
    "them, one by one, and when the last one was in he went home to his soup."
)
DATATROVE = {
    "gopher_repetition": GopherRepetitionFilter,
    "gopher_quality": GopherQualityFilter,
    # These two of C4's rules are among ours as well.
    "c4": lambda: C4QualityFilter(filter_no_terminal_punct=True),
    "fineweb": FineWebQualityFilter,
}


def broken(text, group, language="en", units="paper"):
    """The first rule of the group that a text breaks, and the text as the group leaves it."""
    page = Page.of(text, language)
    for rule, value, limit, is_broken in GROUPS[group](page, limits_of(language, units)):
        assert value == value and limit == limit
        if is_broken:
            return rule, page.text
    return None, page.text


@pytest.mark.parametrize("group", GROUPS)
def test_prose_stays(group):
    assert broken(PROSE, group) == (None, PROSE)


SPOILT = {
    "gopher_repetition": [
        ("\n".join(["The same line of words again."] * 3 + [PROSE]), "duplicate_lines"),
        (PROSE + " buy now" * 40, "top_2_gram"),
        ((PROSE[:200] + " ") * 5, "duplicate_5_grams"),
    ],
    "gopher_quality": [
        ("Too short to be of use.", "short_document"),
        (PROSE + " #tag" * 40, "hashes"),
        (PROSE.replace(" ", "... ", 60) + ".", "ellipses"),
        ("\n".join("- " + line for line in PROSE.replace("\n", " ").split(". ")), "bullets"),
        (PROSE + " 12345 678" * 40, "no_letters"),
        (" ".join(["aa"] * 60), "short_words"),
        (" ".join(["counterrevolutionary"] * 60), "long_words"),
        (" ".join(["stone", "river", "cloud", "night"] * 20), "stop_words"),
    ],
    "c4": [
        ("One. Two.\n" + "no end of a line here\n" * 3, "few_sentences"),
        (PROSE + "\nfunction() { return 1; }.", "curly_bracket"),
        (PROSE + "\nLorem ipsum dolor sit amet.", "lorem_ipsum"),
    ],
    "fineweb": [
        ("\n".join(["A line without an end that goes on and on"] * 10), "unpunctuated_lines"),
        ("\n".join(f"Line {i}." for i in range(40)), "short_lines"),
        (PROSE + ("\n" + PROSE.split("\n")[0]) * 2, "duplicate_characters"),
    ],
}


@pytest.mark.parametrize(
    ("group", "text", "rule"),
    [(g, text, rule) for g, cases in SPOILT.items() for text, rule in cases],
)
def test_each_rule_names_itself(group, text, rule):
    found, _ = broken(text, group)
    assert found == rule


def test_c4_leaves_out_lines_that_are_no_prose():
    text = "Home | About\n" + PROSE + "\nPlease enable javascript to go on.\nSee our cookie policy."
    assert broken(text, "c4") == (None, PROSE)
    assert broken(PROSE.replace("sea together", "sea[12] together"), "c4") == (None, PROSE)


def test_chinese_prose_stays():
    text = (
        "老人每天早上都到港口去，这样已经三十年了。他坐在那里补他的渔网，没有人和他说话。他也不想和别人说话。"
        "一个男孩带着狗走过来，看了他一会儿，问他这些结是做什么的。他说，它们把大海连在一起。男孩笑着跑开了。\n"
        "晚上起风了，船都早早地回来了。他一条一条地数着，等最后一条船进了港，他就回家喝汤去了。在家里他也是一个人，"
        "他的妻子十年前就去世了，他的儿子在城里工作，很少回来看他。"
    )
    for group in GROUPS:
        assert broken(text, group, "zh") == (None, text)


DIALOGUE = (
    '"How?" said the clerk. "The ferry left at noon, sir!" "Not I." "Since when?" -- he sold him.\n'
    '"Never!" cried she. "That letter was for the baker, and you have it!" "Who?" -- I saw him.\n'
    '"Why?" asked Tom. "The lamp went out; the stairs were dark, yes!" "No." "Ha!" -- she knew.\n'
    '"Really?" said I. "It was to be mended on the last day of May!" "Perhaps." -- the boy ran.'
)


def test_punctuation_marks_are_no_words_without_letters():
    assert broken(DIALOGUE, "gopher_quality") == (None, DIALOGUE)
    assert broken(DIALOGUE, "gopher_quality", units="datatrove") == ("no_letters", DIALOGUE)
    # Three words in four have a letter, with and without punctuation marks.
    numbers = " ".join(f"{word} 4," for word in PROSE.split()[:60:3])
    text = " ".join(PROSE.split()[:40]) + " " + numbers
    assert broken(text, "gopher_quality") == ("no_letters", text)


def test_an_ngram_that_occurs_once_is_no_repetition():
    text = "Unquestionably extraordinary cinematography."
    assert broken(text, "gopher_repetition") == (None, text)
    assert broken(text, "gopher_repetition", units="datatrove") == ("top_2_gram", text)
    for text in ("Very bad. Very bad.", "Nothing but noise, nothing, nothing but noise."):
        assert broken(text, "gopher_repetition")[0].startswith("top_")
    # A pair of punctuation marks is no pair of words.
    text = 'Go!" "No!" "Ha!" "So!" "Me!" "We!"'
    assert broken(text, "gopher_repetition") == (None, text)


def test_chinese_statistics_stay_and_numbers_alone_do_not():
    news = (
        "据统计局7月14日公布的数据，开发区建材行业投资额为563.26亿元，同比回升10.9%。其中，西部零售企业"
        "共407家，利润回升了10.5个百分点，占全市的52.64%。第一产业增加值123.4亿元，增长3.2%，第二产业"
        "1567.8亿元，增长4.9%，第三产业1765.5亿元，增长6.4%。专家认为，利润在下个季度也将增长。"
    )
    assert broken(news, "gopher_quality", "zh") == (None, news)
    assert broken(news, "gopher_quality", "zh", "datatrove") == ("no_letters", news)
    numbers = news + "，".join(map(str, range(100, 180)))
    assert broken(numbers, "gopher_quality", "zh") == ("no_letters", numbers)


@pytest.mark.slow
def test_what_is_kept_agrees_with_datatrove():
    filters = {group: make() for group, make in DATATROVE.items()}
    agree, texts = 0, [clean(text) for text in bundled_reviews("imdb").splits["test"].texts[:150]]
    for text in texts:
        document, theirs = Document(text, "0"), True
        for step in filters.values():
            result = step.filter(document)
            theirs = theirs and (result is True or (isinstance(result, tuple) and result[0]))
            if not theirs:
                break
        page = Page.of(text, "en")
        ours = not any(
            is_broken
            for group in filters
            for _, _, _, is_broken in GROUPS[group](page, limits_of("en", "datatrove"))
        )
        agree += ours == theirs
    assert agree == len(texts)
