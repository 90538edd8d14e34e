"""The documents of text files are found by what separates them."""

import pytest

from datamodules.units import find_unit, split_units

SENTENCES = ["The ferry left at noon.", "Nobody on it spoke.", "A dog barked at the quay.", "So?"]
ARTICLE = " ".join(SENTENCES * 6)
SHORT = " ".join(SENTENCES)
WIKI = '<doc id="{0}" url="https://example.org/{0}" title="Ferry {0}">\nFerry {0}\n\n{1}\n</doc>\n'
CHINESE = "渡船在中午离开了港口。船上没有人说话，只有一条狗在码头上叫。后来下雨了。" * 8
FILES = {
    "articles": ("\n".join([ARTICLE] * 9), "line", 9),
    "articles after windows": ("\n".join([ARTICLE] * 9) + "\n\n", "line", 9),
    "chinese articles": ("\n".join([CHINESE] * 9), "line", 9),
    "an essay below its title": ("\n".join(["On ferries", *[ARTICLE] * 12]), "file", 1),
    "an essay": ("\n".join([SHORT] * 12), "file", 1),
    "paragraphs": ("\n\n".join([ARTICLE] * 12), "file", 1),
    "chinese paragraphs": ("\n".join([CHINESE[:120]] * 12), "file", 1),
    "dialogue": ("\n\n".join(["And then?", "Nobody knew.", "She left."] * 9), "file", 1),
    "sentences": ("\n".join(SENTENCES * 9), "file", 1),
    "sentences of BERT's tools": ("\n\n".join(["\n".join(SENTENCES)] * 5), "paragraph", 5),
    "WikiExtractor": ("".join(WIKI.format(i, ARTICLE) for i in range(3)), "document", 3),
    "one of WikiExtractor": (WIKI.format(7, ARTICLE), "document", 1),
    "end of text": ("\n<|endoftext|>\n".join([SHORT] * 4), "document", 4),
    "fairseq": ("\n</s>\n".join([SHORT] * 4), "document", 4),
    "WikiText": (f" = Ferry = \n\n {SHORT}\n\n = = Use = = \n\n {SHORT}\n" * 3, "document", 3),
    "empty": ("", "file", 1),
}


@pytest.mark.parametrize("name", FILES)
def test_the_unit_of_a_file_is_found(name):
    text, unit, count = FILES[name]
    assert find_unit(text) == unit
    parts = list(split_units(text, "auto"))
    assert len(parts) == count and not any("doc" in part.text for part in parts)


def test_the_articles_of_wikiextractor_keep_their_ids():
    parts = list(split_units(FILES["WikiExtractor"][0], "auto"))
    assert [part.id for part in parts] == ["0", "1", "2"]
    assert parts[1].text == f"Ferry 1\n\n{ARTICLE}"


def test_the_user_decides():
    text = f"{SHORT}\n{SHORT}\n\n{ARTICLE}\n"
    counts = {unit: len(list(split_units(text, unit))) for unit in ("file", "line", "paragraph")}
    assert counts == {"file": 1, "line": 3, "paragraph": 2}
    assert len(list(split_units(text, "document"))) == 1
