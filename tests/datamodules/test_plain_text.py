"""Plain text for language modelling: rows of paragraphs, and splits of passages."""

import textwrap

import pytest

from datamodules.tables import read_path

NAMES = [f"{a} {b}" for a in ("old", "young", "broken", "yellow", "quiet") for b in
         ("boat", "net", "dog", "sea", "soup", "door", "song", "bridge")]  # fmt: skip


def paragraph(seed):
    sentences = [
        f"The {NAMES[(seed * 7 + i) % 40]} number {seed} stood by the {NAMES[(seed + i * 3) % 40]}."
        for i in range(5)
    ]
    return " ".join(sentences)


def read(tmp_path, text, name="notes.txt"):
    (tmp_path / name).write_text(text)
    return read_path(tmp_path / name, kind="none")


def test_rows_are_paragraphs_and_neighbours_stay_together(tmp_path):
    paragraphs = [paragraph(seed) for seed in range(400)]
    wrapped = "\n\n".join(textwrap.fill(one, 70) for one in paragraphs)
    found = read(tmp_path, wrapped)
    texts = {name: split.texts for name, split in found.splits.items()}
    rows = [row for name in ("train", "validation", "test") for row in texts[name]]
    assert sorted(p for row in rows for p in row.split("\n")) == sorted(paragraphs)
    assert all(len(row.split()) >= 100 for row in rows) and len(rows) == 200
    assert {name: len(part) for name, part in texts.items()} == {
        "train": 160,
        "validation": 20,
        "test": 20,
    }
    # Passages of four rows: of the test, three neighbours in four are there as well.
    place = {row: paragraphs.index(row.split("\n")[0]) // 2 for row in rows}
    tests = {place[row] for row in texts["test"]}
    assert sum(n + 1 in tests for n in tests) == 15
    notes = " ".join(found.notes)
    assert "hard-wrapped lines joined" in notes and "neighbours together" in notes


def test_short_lines_are_joined_and_documents_kept_apart(tmp_path):
    lines = [sentence for seed in range(60) for sentence in paragraph(seed).split(". ")]
    found = read(tmp_path, "\n".join(lines))
    assert all(len(row.split()) >= 90 for row in found.splits["train"].texts)
    articles = [" ".join(paragraph(seed * 10 + i) for i in range(3)) for seed in range(30)]
    found = read(tmp_path, "\n".join(articles), "articles.txt")
    assert sorted(t for split in found.splits.values() for t in split.texts) == sorted(articles)


def test_folders_of_plain_text_keep_their_splits(tmp_path):
    (tmp_path / "validation.txt").write_text(paragraph(900) + "\n")
    (tmp_path / "train.txt").write_text("\n\n".join(map(paragraph, range(10))))
    found = read_path(tmp_path, kind="none")
    assert {name: len(split.texts) for name, split in found.splits.items()} == {
        "train": 5,
        "validation": 1,
    }


def test_other_tables_keep_their_rows(tmp_path):
    rows = "\n".join(f"text {i}\t{i}" for i in range(60))
    found = read(tmp_path, "text\tnumber\n" + rows, "rows.tsv")
    assert sum(len(split.texts) for split in found.splits.values()) == 60


def test_a_text_that_is_too_short_says_so(tmp_path):
    with pytest.raises(ValueError, match=r"^--data.source: .*short.txt: 1 rows of about 100 words"):
        read(tmp_path, "\n".join(["A line."] * 9), "short.txt")
