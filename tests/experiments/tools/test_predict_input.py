"""predict.py given tags to write, texts that are none, and folders that are not whole."""

import csv
import io
import json
import sys
from functools import partial

import pyarrow.parquet as pq
import pytest

import modules
from experiments.tools import predict
from modules.exporting import export
from tests.modules import cells


@pytest.fixture(scope="module")
def places(bert, tmp_path_factory):
    """A module and its export for each of some tasks."""
    folder = tmp_path_factory.mktemp("exports")
    found = {}
    for task in ("class", "tags"):
        module = cells.stirred(modules.Adapter, bert, cells.TASKS[task]())
        found[task] = module, str(export(module, folder / task))
    return found


@pytest.fixture
def run(piped):
    return partial(piped, predict)


def test_words_and_their_tags(places, run, folder):
    module, place = places["tags"]
    texts = ["a warm film", "dull", "..."]
    (folder / "in.txt").write_text("".join(f"{text}\n" for text in texts))
    wanted = [[list(pair) for pair in row] for row in module.predict(texts)]
    for name in ("out.jsonl", "out.parquet", "out.csv"):
        ended = run(place, "in.txt", "--output", name)
        assert ended.code == 0, ended
        if name.endswith("jsonl"):
            rows = [json.loads(line) for line in (folder / name).open()]
        elif name.endswith("parquet"):
            rows = pq.read_table(folder / name).to_pylist()
        else:
            rows = list(csv.DictReader((folder / name).open()))
            rows = [{**row, "prediction": json.loads(row["prediction"])} for row in rows]
        assert [row["prediction"] for row in rows] == wanted
        sure = [chances.max(1).min() for chances in module.predict_proba(texts)]
        assert [float(row["confidence"]) for row in rows] == pytest.approx(sure, abs=2e-6)
    shown = next(line for line in ended.err.splitlines() if "%" in line).split()  # the usual tag
    tags = [tag for row in wanted for _, tag in row]
    count = tags.count(shown[0])
    assert shown[1:] == [str(count), f"{count / len(tags):.1%}"], ended.err
    ended = run(place, "in.txt", "--top", "1")
    assert ended.code == 2 and "--top 1: TokenClassification tags words" in ended.err


def test_what_is_no_text_is_a_bad_row(places, run, folder, monkeypatch):
    _, place = places["class"]
    rows = ['{"text": "warm"}', '{"text": "half \\ud83d"}', '{"text": "nul \\u0000 inside"}']
    (folder / "in.jsonl").write_text("\n".join(rows))
    ended = run(place, "in.jsonl")
    assert ended.code == 2 and ended.err.count("\n") == 1
    assert "in.jsonl, row 2: " in ended.err and "--bad_rows skip" in ended.err
    ended = run(place, "in.jsonl", "--bad_rows", "skip", "--output", "out.jsonl")
    assert ended.code == 0 and "1 row was left out: row 2: " in ended.err
    assert len((folder / "out.jsonl").read_text().splitlines()) == 2

    def latin(*_):
        return io.TextIOWrapper(io.BytesIO(b"warm\ncaf\xe9\nclever\n"), "utf-8")

    monkeypatch.setattr(io, "StringIO", latin)  # what the pipe is made of
    ended = run(place)
    assert ended.code == 2 and "standard input, row 2: 'text' is not UTF-8" in ended.err
    ended = run(place, "--bad_rows", "skip")
    assert ended.code == 0 and ended.out.count("\n") == 3, ended


def test_two_megabytes_in_a_table_and_in_a_pipe(places, run, folder):
    module, place = places["class"]
    text = "warm " * 400_000
    with (folder / "in.csv").open("w", newline="") as stream:
        csv.writer(stream).writerows([["id", "text"], [1, "dull"], [2, text], [3, text[:9]]])
    ended = run(place, "in.csv", "--output", "out.csv")
    assert ended.code == 0, ended.err
    assert "1 row was longer than the model reads and was cut: row 3" in ended.err
    csv.field_size_limit(sys.maxsize)
    found = list(csv.DictReader((folder / "out.csv").open()))
    assert [row["prediction"] for row in found] == module.predict(["dull", text, text[:9]])
    assert found[1]["text"] == text  # the row is whole, whatever the model read of it
    ended = run(place, lines=f"dull\n{text}\n")
    assert ended.code == 0 and "row 2" in ended.err


@pytest.mark.parametrize("part", ["trained.safetensors", "module.json", "base/config.json"])
def test_an_export_that_is_half_there_is_one_line(part, bert, folder, run):
    place = export(cells.stirred(modules.Adapter, bert, cells.TASKS["class"]()), folder / "export")
    (place / part).write_bytes((place / part).read_bytes()[:40])
    ended = run(str(place), lines="warm\n")
    assert ended.code == 2 and ended.out == "" and ended.err.count("\n") == 1, ended
    assert "export: cannot be read (" in ended.err and "half written" in ended.err
    (place / part).unlink()
    ended = run(str(place), lines="warm\n")
    assert ended.code == 2 and ended.out == "" and ended.err.count("\n") == 1, ended


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("text\n", "in.csv: has no rows"),
        ("", "in.csv: is empty"),
        ("\n\n\n", "in.csv: "),
        ('text\n" "\n', "in.csv, row 2: 'text' is empty"),
    ],
)
def test_files_without_a_row_are_one_line(text, said, places, run, folder):
    (folder / "in.csv").write_text(text)
    ended = run(places["class"][1], "in.csv", "--output", "out.csv")
    assert ended.code == 2 and said in ended.err.splitlines()[-1], ended
    assert [file.name for file in folder.glob("out*")] == []
