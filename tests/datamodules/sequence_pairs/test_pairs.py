"""Pairs of texts: files of every kind, bad rows by name, splits, and the bundled ones."""

import json
import struct

import numpy as np
import pandas as pd
import pytest

from datamodules import Headlines, Seq2SeqFiles, Translations
from datamodules.sequence_pairs import baselines, bundled, data
from tests import seq2seq

ROWS = [(f"a film number {n}", f"tale {n}") for n in range(40)]


def catalogue(entries: dict[str, str]) -> bytes:
    """A compiled catalogue of gettext."""
    keys, texts = sorted(key.encode() for key in entries), b""
    offsets, start = [], 28 + 16 * len(keys)
    for part in [*keys, *(entries[key.decode()].encode() for key in keys)]:
        offsets += [len(part), start + len(texts)]
        texts += part + b"\0"
    head = [0x950412DE, 0, len(keys), 28, 28 + 8 * len(keys), 0, start]
    return struct.pack(f"<{7 + len(offsets)}I", *head, *offsets) + texts


def write(folder, form: str) -> tuple[str, dict]:
    frame = pd.DataFrame(ROWS, columns=["source", "target"])
    file = folder / f"pairs.{form}"
    if form == "csv":
        frame.to_csv(file, index=False)
    elif form == "tsv":
        frame.rename(columns={"source": "en", "target": "fr"}).to_csv(file, sep="\t", index=False)
        return str(file), {"source_column": "en", "target_column": "2"}
    elif form == "parquet":
        frame.to_parquet(file)
    elif form == "jsonl":
        rows = [{"id": 1, "translation": {"en": one, "fr": two}} for one, two in ROWS]
        file.write_text("\n".join(map(json.dumps, rows)))
        return str(file), {"source_column": "en", "target_column": "fr"}
    elif form == "lines":
        for name, place in (("train.en", 0), ("train.fr", 1)):
            (folder / name).write_text("".join(f"{row[place]}\n" for row in ROWS))
        return str(folder), {"source_column": "en", "target_column": "fr"}
    elif form == "two":
        write(folder, "lines")
        return f"{folder}/train.en,{folder}/train.fr", {}
    return str(file), {}


@pytest.mark.parametrize("form", ["csv", "tsv", "jsonl", "parquet", "lines", "two"])
def test_files_give_the_same_splits(form, bert, tmp_path):
    source, columns = write(tmp_path, form)
    pairs = Seq2SeqFiles(source, tokenizer=bert, **columns)
    pairs.setup("fit")
    found = {name: pairs.texts_of(name) for name in ("train", "validation", "test")}
    rows = [
        row for part in found.values() for row in zip(part["source"], part["target"], strict=True)
    ]
    assert sorted(rows) == sorted(ROWS) and all(part["source"] for part in found.values())
    whole = Seq2SeqFiles(write(tmp_path, "csv")[0], tokenizer=bert)
    assert whole.fingerprint == pairs.fingerprint


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("source,target\na,b\nc,\n", r"target_column: .*row 3: the target \('target'\) is empty"),
        ("source,target\n ,b\nc,d\n", r"source_column: .*row 2: the source \('source'\) is empty"),
        ("source\na\nb\n", r"target_column: .*no column 'target' \(there: 'source'"),
        ("a text\nanother\n", r"source_column: .*no column 'source'"),
    ],
)
def test_a_bad_row_is_one_line_with_file_and_row(text, message, tmp_path):
    file = tmp_path / "bad.csv"
    file.write_text(text)
    with pytest.raises(ValueError, match=rf"^--data\.{message}") as caught:
        _ = Seq2SeqFiles(str(file)).dataset
    assert "\n" not in str(caught.value) and "bad.csv" in str(caught.value)


def test_bad_rows_are_skipped_and_listed(bert, tmp_path):
    file = tmp_path / "some.csv"
    text = "source,target\n" + "".join(f"{one},{two}\n" for one, two in ROWS)
    file.write_text(text + "a film,\n")
    pairs = Seq2SeqFiles(str(file), tokenizer=bert, bad_rows="skip")
    pairs.setup("fit")
    assert sum(pairs.facts()["rows"].values()) == 40
    assert any("1 row was left out: row 42: the target" in note for note in pairs.notes())


def test_parallel_files_of_different_length_are_refused(tmp_path):
    (tmp_path / "a.en").write_text("one\ntwo\nthree\n")
    (tmp_path / "a.fr").write_text("un\ndeux\n")
    with pytest.raises(ValueError, match=r"a\.fr: has 2 lines, and a\.en has 3"):
        _ = Seq2SeqFiles(f"{tmp_path}/a.en,{tmp_path}/a.fr").dataset
    with pytest.raises(FileNotFoundError, match=r"a\.de: there is no such file"):
        _ = Seq2SeqFiles(f"{tmp_path}/a.en,{tmp_path}/a.de").dataset
    for flag, value in (("header", True), ("delimiter", "tab"), ("source_column", "en")):
        with pytest.raises(ValueError, match=rf"^--data.{flag}: .*: leave it out"):
            _ = Seq2SeqFiles(f"{tmp_path}/a.en,{tmp_path}/a.fr", **{flag: value}).dataset


def test_long_texts_are_cut_and_said(bert, tmp_path):
    pairs = seq2seq.read(tmp_path, bert, max_source_length=4, max_target_length=3)
    rows = pairs._rows["train"]
    assert set(rows.columns["source"]) == {"a warm", "a cold", "the film"}
    assert set(rows.columns["target"]) == {"warm", "cold", "film"}
    assert set(rows.columns["reference"]) == {"warm", "cold", "film year"}
    assert "24 of 24 train sources were cut at 4 tokens" in pairs.notes()
    assert "8 of 24 train targets were cut at 3 tokens" in pairs.notes()
    with pytest.raises(ValueError, match="--data.max_source_length 99: .* at most 64"):
        seq2seq.read(tmp_path, bert, max_source_length=99)


def test_batches_hold_texts_and_their_lengths(bert, tmp_path):
    rows = seq2seq.read(tmp_path, bert)._rows["train"]
    batch = rows.__getitems__([2, 0])
    assert batch["columns"]["source"] == ["the film of the year", "a warm film"]
    assert batch["attention_mask"].sum(1).tolist() == [7 + 4, 5 + 3]
    assert rows.lengths[:2].tolist() == [8, 8] and np.all(rows.lengths > 0)


def test_messages_of_a_catalogue(tmp_path):
    entries = {
        "": "Content-Type: text/plain; charset=UTF-8\n",
        "Log out": "Déconnexion",
        "menu\x04Open": "Ouvrir",
        "%d file\0%d files": "%d fichier\0%d fichiers",
        "Untranslated": "",
    }
    file = tmp_path / "fr_FR-LC_MESSAGES-messages.mo"
    file.write_bytes(catalogue(entries))
    assert bundled.messages(file) == {"Log out": "Déconnexion", "Open": "Ouvrir"}


def test_bundled_data_are_fetched_when_read_and_name_their_package(tmp_path, monkeypatch):
    asked = []
    entries = {"": "Content-Type: text/plain; charset=UTF-8\n"}
    entries |= {f"message {n}": f"texte {n}" for n in range(60)}
    (tmp_path / "de_DE-LC_MESSAGES-messages.mo").write_bytes(catalogue(entries))
    for n in range(40):
        (tmp_path / f"tech-{n:03}.txt").write_text(
            f"Title {n // 2}\n\nBody {n} costs £5.\n", "utf-8"
        )
    monkeypatch.setattr("datamodules.packaged.fetch", lambda key: asked.append(key) or tmp_path)
    pairs, news = Translations(language="de"), Headlines()
    assert not asked
    assert sum(len(part.texts) for part in pairs.dataset.splits.values()) == 60
    assert pairs.origin == "en-de messages of indico 3.3.14" and asked == ["translations"]
    titles = [set(part.pairs) for part in news.dataset.splits.values()]
    assert sum(map(len, titles)) == 20 == len(set().union(*titles))  # a headline in one part only
    assert any("£5" in text for text in news.dataset.splits["train"].texts)
    with pytest.raises(ValueError, match="--data.target_column: only files have one"):
        _ = Translations(target_column="fr").dataset


def test_the_hub_has_translations_by_language(monkeypatch):
    from datasets import Dataset, DatasetDict

    rows = [{"translation": {"en": one, "fr": two}} for one, two in ROWS]
    found = DatasetDict(train=Dataset.from_list(rows), test=Dataset.from_list(rows[:3]))
    monkeypatch.setattr(data.hub, "load", lambda repo, config: found)
    monkeypatch.setattr(data.hub, "source", lambda *asked: f"hub:{asked[0]}/{asked[1]}")
    pairs = Translations(source="hub")
    assert pairs.dataset.splits["test"].pairs == ["tale 0", "tale 1", "tale 2"]
    assert pairs.origin == "hub:Helsinki-NLP/opus-100/en-fr"
    with pytest.raises(ValueError, match="has no hub data set"):
        data.SequencePairs(source="hub")._read()


def test_baselines():
    known = ["open the file", "close the door", "print the page"]
    targets = ["ouvrir", "fermer", "imprimer"]
    assert baselines.nearest(["Open a file", "xyz"], known, targets) == ["ouvrir", "ouvrir"]
    assert baselines.lead(["The shop opens. It shuts."], 9) == ["The shop opens."]
    assert baselines.lead(["The shop opens. It shuts."], 2) == ["The shop"]
    assert baselines.copy(["a"]) == ["a"]
    found = [baselines.mean_words(t) for t in (["a b", "a b c d"], ["北京的天气"], [""])]
    assert found == [3, 5, 1]
