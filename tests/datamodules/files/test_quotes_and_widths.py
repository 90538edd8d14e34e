"""Quotation marks that belong to the file or to the text, and rows that are not as wide."""

import pandas as pd
import pytest

from datamodules.files import BadRow, ReadOptions, read_table, records

SKIP = ReadOptions(bad_rows="skip")


def read(tmp_path, name, content, options=None):
    (tmp_path / name).write_text(content, newline="")
    return read_table(tmp_path / name, options)


def texts(table):
    return list(table.columns["text"])


@pytest.mark.parametrize("delimiter", ["\t", "|", ";", ","])
def test_what_pandas_quotes_comes_back(tmp_path, delimiter):
    written = ['He said "so".', "two\nlines", f"a{delimiter}b", '"', "plain", 'ends with "x"']
    frame = pd.DataFrame({"text": written, "label": range(6)})
    for quoting in (0, 1, 2):
        frame.to_csv(tmp_path / "a.tsv", sep=delimiter, index=False, quoting=quoting)
        assert texts(read_table(tmp_path / "a.tsv")) == written, quoting


@pytest.mark.parametrize(
    "written",
    [
        ['"A warm room.', "so it goes", "fine"],
        ['"Great film!"', "so it goes", "fine"],
        ['the " of it', '"quoted" twice', "fine"],
        ['"a', 'b"', "fine"],  # together they would be one quoted field
        ['"He said ""so"" to me"', 'a 5" pipe', "fine"],
        ['""', '" "', "fine"],
    ],
)
def test_marks_of_an_unquoted_tsv_stay(tmp_path, written):
    content = "text\tlabel\n" + "".join(f"{text}\t{i % 2}\n" for i, text in enumerate(written))
    assert texts(read(tmp_path, "a.tsv", content)) == written


def test_marks_that_come_late_in_a_long_file_are_seen(tmp_path):
    rows = "".join(f"text {i}\t{i % 2}\n" for i in range(5000))
    content = f'text\tlabel\n{rows}"so ""it"" goes"\t1\n'
    assert texts(read(tmp_path, "a.tsv", content))[-1] == 'so "it" goes'


def test_escaped_marks_and_spaces_after_the_delimiter(tmp_path):
    content = 'text,label\n"He said \\"so, so\\" to me",1\n"a, b",0\n'
    assert texts(read(tmp_path, "a.csv", content)) == ['He said "so, so" to me', "a, b"]
    content = 'label, text\n1, "a, b"\n0, "c, d"\n'
    assert texts(read(tmp_path, "a.csv", content)) == ["a, b", "c, d"]


def test_a_mark_that_is_never_closed_loses_its_row_only(tmp_path):
    content = 'text,label\nx,1\n"a,0\nb,1\n"c, d",0\n'
    with pytest.raises(ValueError, match=r"row 3: is not valid CSV .*--data\.bad_rows skip"):
        read(tmp_path, "a.csv", content)
    table = read(tmp_path, "a.csv", content, SKIP)
    assert texts(table) == ["x", "b", "c, d"] and list(table.rows) == [2, 4, 5]
    assert table.left_out[0][0] == 3 and "row 3: is not valid CSV" in table.remarks()[-1]
    rows = dict(records(tmp_path / "a.csv"))
    assert isinstance(rows[3], BadRow) and rows[5]["text"] == "c, d"


def test_extra_fields_beyond_columns_that_fit_are_said(tmp_path):
    rows = "".join(f"text {i}\t{i % 2}\n" for i in range(9))
    table = read(tmp_path, "a.tsv", f"text\tlabel\n{rows}more\t1\tforum\tyes\n")
    assert len(table.rows) == 10 and table.columns["label"][9] == "1"
    assert "1 of 10 rows have more fields" in table.notes[0] and "row 11" in table.notes[0]
    rows = "".join(f"{i % 2},text {i}\n" for i in range(9))  # what is beyond is empty
    assert texts(read(tmp_path, "a.csv", f"label,text\n{rows}1,more,,\n"))[9] == "more"
    rows = "".join(f"{i % 2}\ttext {i}\n" for i in range(9))  # a tab in a text is rare
    table = read(tmp_path, "a.tsv", f"label\ttext\n{rows}1\tmore\tforum\n")
    assert texts(table)[9] == "more" and "row 11" in table.notes[0]


@pytest.mark.parametrize(
    ("content", "row"),
    [
        ("text,label\na,1\nb,0\nc,1\nHello, world,1\n", 5),  # the label would be " world"
        ("label,text\n1,a\n0,b\n1,c\n1,Hello, world\n", 5),  # the text would be "Hello"
        ("text\tlabel\tid\na\tx\t1\nb\ty\t2\nalone\n", 4),
        ("text,label\na,1\ntext,label\nb,0\n", 3),
    ],
)
def test_a_row_that_would_be_misread_is_refused(tmp_path, content, row):
    name = "a.tsv" if "\t" in content else "a.csv"
    with pytest.raises(ValueError, match=rf"row {row}: .*--data\.bad_rows skip"):
        read(tmp_path, name, content)
    table = read(tmp_path, name, content, SKIP)
    assert [number for number, _ in table.left_out] == [row]


@pytest.mark.parametrize("first", ["text", "# of a survey"])
def test_a_first_row_of_one_field_over_wider_ones_is_named(tmp_path, first):
    content = f"{first}\nHello, world\nSo, it goes\nThus, it went\n"
    with pytest.raises(ValueError, match=r"row 1: has 1 field, and most rows have 2"):
        read(tmp_path, "a.csv", content, SKIP)


def test_fields_that_are_missing_at_the_end_are_empty(tmp_path):
    table = read(tmp_path, "a.tsv", "text\tlabel\tnote\na\t1\tx\nb\t0\nc\t1\ty\n")
    assert list(table.columns["note"]) == ["x", "", "y"]
    assert "1 of 3 rows have fewer fields" in table.notes[0]
