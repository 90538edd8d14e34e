"""Delimited text of every kind, with the rows and columns that are right."""

import csv

import pytest

from datamodules.files import ReadOptions, read_table, records

TEXTS = [f"A warm room, a quiet street; fresh bread {i}." for i in range(12)]
LABELS = ["joy", "anger", "joy", "fear"] * 3


def lines(delimiter: str, header: str = "text|label", quoting: int = csv.QUOTE_MINIMAL) -> str:
    def row(text: str, label: str) -> str:
        quoted = delimiter in text and quoting == csv.QUOTE_MINIMAL
        return f'"{text}"{delimiter}{label}' if quoted else f"{text}{delimiter}{label}"

    rows = [row(*pair) for pair in zip(TEXTS, LABELS, strict=True)]
    return "\n".join([header.replace("|", delimiter), *rows]) + "\n"


def read(tmp_path, name, content, **options):
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    table = read_table(path, ReadOptions(**options))
    if options.get("bad_rows") != "stop":  # one row at a time reads the same
        rows = [row for _, row in records(path, ReadOptions(**options)) if isinstance(row, dict)]
        if "label" in table.columns:
            assert [row["label"] for row in rows] == list(table.columns["label"])
    return table


@pytest.mark.parametrize("name", ["a.csv", "a.tsv", "a.txt", "a", "a.data"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_delimiter_is_found_and_said(tmp_path, name, delimiter):
    if delimiter == "," and name in ("a.txt", "a", "a.data"):
        pytest.skip("a comma in prose is no delimiter")
    table = read(tmp_path, name, lines(delimiter))
    assert list(table.columns) == ["text", "label"]
    assert list(table.columns["text"]) == TEXTS and list(table.columns["label"]) == LABELS
    usual = (name, delimiter) in (("a.csv", ","), ("a.tsv", "\t"))
    assert usual == (not any("--data.delimiter" in note for note in table.notes))


@pytest.mark.parametrize(
    ("given", "delimiter"),
    [("^", "^"), ("tab", "\t"), (r"\t", "\t"), ("::", "::"), ("~~~", "~~~"), ("pipe", "|")],
)
def test_the_delimiter_is_given(tmp_path, given, delimiter):
    table = read(tmp_path, "a.txt", lines(delimiter), delimiter=given)
    assert list(table.columns["text"]) == TEXTS and list(table.columns["label"]) == LABELS


def test_a_line_for_excel_states_the_delimiter(tmp_path):
    table = read(tmp_path, "a.csv", "sep=|\n" + lines("|"))
    assert list(table.columns["text"]) == TEXTS and table.rows[0] == 3


def test_a_comma_before_spaces_gives_way_to_another_delimiter(tmp_path):
    content = "review, full;label\nGood, so;1\nBad, no;0\n"
    assert list(read(tmp_path, "a.csv", content).columns) == ["review, full", "label"]


@pytest.mark.parametrize("name", ["a.csv", "a.tsv", "a.json"])
def test_a_name_that_lies(tmp_path, name):
    rows = read(tmp_path, name, '{"text": "a", "label": 1}\n{"text": "b, c", "label": 0}\n')
    assert list(rows.columns["text"]) == ["a", "b, c"]
    for content, reason in [
        ("<!DOCTYPE html><html>, no</html>", "is a web page"),
        ("version https://git-lfs.github.com/spec/v1\n", "git lfs pull"),
    ]:
        with pytest.raises(ValueError, match=reason):
            read(tmp_path, name, content)
    with pytest.raises(ValueError, match="is not JSON: its name should end in"):
        read(tmp_path, "b.json", "text,label\na,1\n")


def test_prose_is_one_text_a_line(tmp_path):
    prose = "One, two; three.\n\nFour, five; six.\nSeven: eight, nine; ten | eleven.\n"
    table = read(tmp_path, "a.txt", prose)
    assert list(table.columns) == ["text"] and list(table.rows) == [1, 3, 4]


@pytest.mark.parametrize(
    ("content", "first"),
    [
        ("ham\tA warm room.\nspam\tA battery.\nham\tA street.\n", ("ham", "A warm room.")),
        ('"0","17","Mon","NO","user","Such a day"\n"4","18","Tue","NO","me","Oh no, no"\n', None),
        ("question\tHow are you?\nstatement\tI am well.\nquestion\tWho?\n", None),
        ("gj04\t1\t\tOur friends\ngj04\t0\t*\tThey drank\nbc01\t1\t\tSo it goes\n", None),
        ("0.5\tfine film\n0.7\tgood film\n", ("0.5", "fine film")),
    ],
)
def test_a_first_row_of_data_is_no_header(tmp_path, content, first):
    table = read(tmp_path, "a.tsv" if "\t" in content else "a.csv", content)
    assert len(table.rows) == content.count("\n") and table.rows[0] == 1
    assert {"text", "label"} <= set(table.columns), table.columns
    assert "no header" in table.notes[0] and "--data.header true" in table.notes[0]
    if first:
        assert (table.columns["label"][0], table.columns["text"][0]) == first
    assert table.find("1") == next(iter(table.columns))


@pytest.mark.parametrize(
    "header",
    ["text,label", "v1,v2", "Review Text,Stars", "0,1", "What did you like? Tell us more,score"],
)
def test_a_header_is_a_header(tmp_path, header):
    table = read(tmp_path, "a.csv", f"{header}\nA warm room,1\nA battery,0\nA street,1\n")
    assert list(table.columns) == header.split(",") and len(table.rows) == 3


def test_the_flag_decides_about_the_header_and_a_given_name_is_one(tmp_path):
    content = "joy,a day\njoy,a night\n"
    assert len(read(tmp_path, "a.csv", content, header=True).rows) == 1
    assert len(read(tmp_path, "a.csv", content).rows) == 2
    assert len(read(tmp_path, "a.csv", content, columns=("joy",)).rows) == 1
    assert len(read(tmp_path, "a.csv", "text,label\na,b\n", header=False).rows) == 2


def test_a_missing_column_never_invites_naming_data(tmp_path):
    table = read(tmp_path, "a.csv", "joy,a day\njoy,a night\n")
    with pytest.raises(ValueError, match=r"number from 1; the file has no header") as caught:
        table.column("mood", "label_column")
    assert "'joy'" not in str(caught.value)
    table = read(tmp_path, "a.csv", "great,pos\nbad,neg\n")
    with pytest.raises(ValueError, match="--data.header false if the first row is data"):
        table.column("mood", "label_column")


@pytest.mark.parametrize(
    ("content", "columns"),
    [
        (",text,label\n0,a,1\n1,b,0\n", ["column 1", "text", "label"]),
        ("kind,body,,\nham,a,,\nspam,b,,\n", ["kind", "body", "column 3", "column 4"]),
        (" text , label\na,1\nb,0\n", ["text", "label"]),
        ('"text","label"\n"1","a","x"\n"2","b","y"\n', ["column 1", "text", "label"]),  # of R
    ],
)
def test_header_cells_without_a_name(tmp_path, content, columns):
    table = read(tmp_path, "a.csv", content)
    assert list(table.columns) == columns and len(table.rows) == 2


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("name", ["a.csv", "a.tsv", "a"])
def test_line_ends(tmp_path, end, name):
    content = lines("\t" if name != "a.csv" else ",").replace("\n", end).removesuffix(end)
    table = read(tmp_path, name, content)
    assert list(table.columns["text"]) == TEXTS and list(table.columns["label"]) == LABELS
    assert list(table.rows) == list(range(2, 14))


def test_a_delimiter_that_cannot_be_one(tmp_path):
    for delimiter in ("", '"', "\n"):
        with pytest.raises(ValueError, match=r"--data\.delimiter: .* cannot delimit fields"):
            read(tmp_path, "a.csv", "a,b\n1,2\n", delimiter=delimiter)
