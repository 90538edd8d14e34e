"""The corpus pipeline on several sources: kinds, units, weights, limits, and what it says."""

import json

import pytest

from datamodules.pipeline.execution import claim_folder
from datamodules.pipeline.settings import Settings
from tests.experiments.corpora import documents, manifest, prose, removals, run

FILTERS = ("--rules", "none", "--near_duplicates", 1, "--validation", 0.2, "--tasks", 2)


@pytest.fixture
def articles(tmp_path):
    lines = [prose(seed, 24).replace("\n", " ") for seed in range(60)]
    (tmp_path / "articles.txt").write_text("\n".join(lines))
    return tmp_path / "articles.txt"


@pytest.fixture
def comments(tmp_path):
    rows = [{"id": f"c{seed}", "body": prose(500 + seed, 12)} for seed in range(30)]
    rows += [{"id": "gone", "body": "[deleted]"}, {"id": "half", "body": "\ud83d"}]
    (tmp_path / "RC_2012-01").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return tmp_path / "RC_2012-01"


@pytest.fixture
def code(tmp_path):
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "a.py").write_text("def a(b):\n    if b:\n\n        return b  # <b>\n")
    (tmp_path / "code" / "a.png").write_bytes(b"\x89PNG")
    return tmp_path / "code"


@pytest.fixture
def made(articles, comments, code, tmp_path, monkeypatch):
    def make(name, *more):
        sources = ("--source", articles, "--source", comments, f"--source={code}")
        words = (*sources, "--kind", "prose,prose,code", "--output", tmp_path / name)
        assert run(monkeypatch, *words, *FILTERS, *more) == 0
        return manifest(tmp_path / name)

    return make


WEIGHTS = ("--weights", "5,5,0.001")


def test_weights_are_shares_of_the_words(made, comments, code, tmp_path, capsys):
    found = made("out", *WEIGHTS)
    assert [one["kind"] for one in found["sources"]] == ["prose", "prose", "code"]
    assert [one["weight"] for one in found["sources"]] == pytest.approx([0.5, 0.5, 0], abs=1e-3)
    assert [one["share"] for one in found["sources"]] == pytest.approx([0.5, 0.5, 0], abs=0.02)
    assert found["sources"][1]["words"] > 2000 and found["sources"][2]["documents"] == 1
    assert found["skipped"] == {".png": 1} and found["left_out"] == {"deleted posts": 1}
    assert found["unreadable"]["first"] == ["RC_2012-01, row 32: holds half a character (\\ud83d)"]
    kept, gone = documents(tmp_path / "out"), removals(tmp_path / "out")
    assert kept["3/a.py"]["text"] == (code / "a.py").read_text().strip()
    assert {row["source"] for id, row in kept.items() if id[0] == "2"} == {
        f"{comments}: RC_2012-01"
    }
    taken = [row for row in gone.values() if row["rule"] == "not_drawn"]
    assert len(taken) == 91 - len(kept) > 10
    assert found["funnel"][-1]["stage"] == "weights"
    assert found["funnel"][-1]["documents_out"] == len(kept)
    said = capsys.readouterr().out
    assert "articles.txt: each line is a document; --unit decides" in said
    assert "RC_2012-01: the text is in 'body'" in said and "not read as code: 1 .png" in said


@pytest.mark.slow
def test_the_draw_by_weights_is_that_of_the_seed(made):
    one, two = made("one", *WEIGHTS), made("two", *WEIGHTS)
    assert one["fingerprint"] == two["fingerprint"]
    assert made("seed", *WEIGHTS, "--seed", 1)["fingerprint"] != one["fingerprint"]
    assert [source["documents"] for source in made("all")["sources"]] == [60, 30, 1]
    # One document of code is all there is, and every other source is cut down to it.
    cut = made("cut", "--weights", "6,4,0.2")["sources"]
    assert cut[2]["documents"] == 1 and cut[0]["documents"] < 10


def test_a_limit_of_each_source(articles, comments, tmp_path, monkeypatch):
    words = ("--source", articles, "--source", comments, "--limit", 7, "--output", tmp_path / "out")
    assert run(monkeypatch, *words, *FILTERS) == 0
    expected = {f"1/articles.txt:{i + 1}" for i in range(7)} | {f"2/c{i}" for i in range(7)}
    assert set(documents(tmp_path / "out")) == expected


def test_a_stage_that_takes_most_of_a_document_says_so(tmp_path, monkeypatch, capsys):
    text = prose(1, 24) + "\n" + "\n".join(f"and a line {i} without an end" for i in range(200))
    for i in range(2):
        (tmp_path / f"{i}.txt").write_text(text + str(i))
    out = tmp_path / "out"
    words = ("--source", tmp_path / "*.txt", "--output", out, "--rules", "c4", "--validation", 0)
    assert run(monkeypatch, *words, "--tasks", 2, "--quality", 0, "--exact_duplicates", "keep") == 0
    found = manifest(out)["shortened"]["c4"]
    assert found["documents"] == 2 and found["first"][0]["id"] == "0.txt"
    assert found["first"][0]["words_out"] * 2 < found["first"][0]["words_in"]
    said = capsys.readouterr().out
    assert "c4 took more than half of the words of 2 of the documents that it kept" in said


def test_a_corpus_of_an_older_version_is_still_the_same_corpus(tmp_path):
    settings = Settings(source="notes/", output=str(tmp_path / "out"))
    new = ("weights", "limit", "kind", "unit", "wrapped", "split", "streaming")
    older = {k: v for k, v in settings.content_settings().items() if k not in new}
    (tmp_path / "out").mkdir()
    file = tmp_path / "out" / "settings.json"
    file.write_text(json.dumps(older | {"origin": "1 file"}))
    (tmp_path / "out" / "manifest.json").write_text("{}")
    assert claim_folder(settings, "1 file")
    assert settings.content_settings()["source"] == "notes/"


BAD = {
    "--kind cod": "--kind cod: must be prose | code | dialogue; did you mean code?",
    "--kind prose,code": "--kind prose,code: 2 for 1 source; give one for all, or one for each",
    "--unit sentence": "--unit sentence: must be auto | document | paragraph | line | file",
    "--limit 0": "--limit 0: must be at least 1",
    "--weights 1,2": "--weights 1,2: give one number above 0 for each of the 1 sources",
    "--weights -1": "--weights -1: give one number above 0",
    "--kind code": "none is read as code (1 .txt)",
}


@pytest.mark.parametrize("flags", BAD)
def test_bad_flags_are_one_line(flags, articles, tmp_path, monkeypatch, capsys):
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "a.txt").write_text("A text.")
    words = ("--source", folder, "--output", tmp_path / "out", *flags.split())
    assert run(monkeypatch, *words) == 2
    said = capsys.readouterr().err.strip()
    assert BAD[flags] in said and "\n" not in said and not (tmp_path / "out").exists()
