"""JSON in every arrangement: lines, arrays, an object around them, one object after another."""

import json

import pandas as pd
import pytest

from datamodules.files import BadRow, ReadOptions, json_records, read_table, records

ROWS = [{"text": f"a {i}\n\u2028 é", "label": i, "more": {"text": [1, {"a": 2}]}} for i in range(5)]


def written(kind: str) -> str:
    frame = pd.DataFrame(ROWS)
    ways = {
        "lines": lambda: "\n".join(json.dumps(row) for row in ROWS),
        "lines with CR": lambda: "\r\n".join(json.dumps(row, ensure_ascii=False) for row in ROWS),
        "array": lambda: json.dumps(ROWS),
        "pretty array": lambda: json.dumps(ROWS, indent=4),
        "array of lines": lambda: "[\n" + ",\n".join(json.dumps(row) for row in ROWS) + "\n]\n",
        "wrapped": lambda: json.dumps({"version": "1.0", "data": ROWS}),
        "pretty wrapped": lambda: json.dumps({"examples": ROWS}, indent=1),
        "one key": lambda: json.dumps({"reviews": ROWS}),
        "one after another": lambda: "".join(json.dumps(row) for row in ROWS),
        "pretty, one after another": lambda: "\n".join(json.dumps(row, indent=2) for row in ROWS),
        "columns of pandas": lambda: frame.to_json(),
        "split of pandas": lambda: frame.to_json(orient="split"),
        "records of pandas": lambda: frame.to_json(orient="records", lines=True),
        "lists": lambda: json.dumps({name: [row[name] for row in ROWS] for name in ROWS[0]}),
        "a mark and blank lines": lambda: "\ufeff\n\n" + "\n\n".join(map(json.dumps, ROWS)),
    }
    return ways[kind]() if kind else " ".join(ways)


KINDS = [
    *("lines", "lines with CR", "array", "pretty array", "array of lines", "wrapped"),
    *("pretty wrapped", "one key", "one after another", "pretty, one after another"),
    *("columns of pandas", "split of pandas", "records of pandas", "lists"),
    "a mark and blank lines",
]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ["a.json", "a.jsonl", "a", "a.data"])
def test_every_arrangement_is_read(tmp_path, monkeypatch, kind, name):
    (tmp_path / name).write_text(written(kind), newline="", encoding="utf-8")
    wanted = json.loads(json.dumps(ROWS))
    for chunk in (7, 2**20):  # values are cut at the ends of chunks
        monkeypatch.setattr(json_records, "CHUNK", chunk)
        assert [row for _, row in records(tmp_path / name)] == wanted
    table = read_table(tmp_path / name)
    assert table.columns["label"] == [0, 1, 2, 3, 4] and len(table.rows) == 5


@pytest.mark.parametrize("indent", [None, 2])
def test_one_object_is_one_record(tmp_path, indent):
    for record in (ROWS[0], {"messages": [{"role": "user", "content": "a"}]}, {"a": [1], "b": [2]}):
        (tmp_path / "a.json").write_text(json.dumps(record, indent=indent))
        assert [row for _, row in records(tmp_path / "a.json")] == [record]


def test_a_bad_row_is_named_and_the_others_are_read(tmp_path):
    good, path = [json.dumps({"text": f"t{i}"}) for i in range(4)], tmp_path / "a.jsonl"
    for bad, reason in [
        ('{"text": "a', "is not JSON (Invalid control character"),
        ("[1, 2]", "is not a JSON object"),
        ('{"text": "x \\ud83d"}', "half a character (\\ud83d)"),
        ('{"text": {"deep": ["\\uDE00"]}}', "half a character (\\ude00)"),
        ("[" * 100_000, "is not JSON"),
    ]:
        path.write_text("\n".join([*good[:2], bad, *good[2:]]))
        rows = dict(records(path))
        assert isinstance(rows[3], BadRow)
        assert reason in rows[3].reason
        assert [rows[n]["text"] for n in (1, 2, 4, 5)] == ["t0", "t1", "t2", "t3"]
        with pytest.raises(ValueError, match=r"a\.jsonl, row 3: .*--data\.bad_rows skip"):
            read_table(path)
        assert len(read_table(path, ReadOptions(bad_rows="skip")).rows) == 4
    path.write_text('{"text": "\\ud83d\\ude00"}\n')  # a whole pair is a character
    assert read_table(path).columns["text"] == ["\U0001f600"]


def test_a_bad_record_of_an_array_and_an_array_without_end(tmp_path):
    good = [json.dumps(row, indent=2) for row in ROWS]
    bad = good[1].replace('"label":', '"label"')
    (tmp_path / "a.json").write_text("[\n" + ",\n".join([good[0], bad, *good[2:]]) + "\n]")
    rows = dict(records(tmp_path / "a.json"))
    assert isinstance(rows[2], BadRow) and "line" in rows[2].reason
    assert [rows[n]["label"] for n in (1, 3, 4, 5)] == [0, 2, 3, 4]
    for text in (json.dumps(ROWS)[:-1], json.dumps(ROWS)[:-30], json.dumps(ROWS, indent=1)[:-9]):
        (tmp_path / "a.json").write_text(text)
        with pytest.raises(ValueError, match=r"a\.json, row [56]: is not JSON .*close the array"):
            read_table(tmp_path / "a.json")
