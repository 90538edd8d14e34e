"""Spreadsheets: which sheet is read, and what dates and formulas become."""

import datetime

import pytest

from datamodules.files import ReadOptions, read_table

openpyxl = pytest.importorskip("openpyxl")


def save(path, *sheets: list) -> None:
    book = openpyxl.Workbook()
    book.remove(book.active)
    for number, rows in enumerate(sheets, 1):
        sheet = book.create_sheet(f"part {number}")
        for row in rows:
            sheet.append(row)
    book.save(path)


ROWS = [["text", "label"], ["A warm room", "joy"], ["A cold room", "anger"]]


def test_the_first_sheet_with_rows(tmp_path):
    save(tmp_path / "a.xlsx", [], ROWS, [["other"], ["x"]])
    table = read_table(tmp_path / "a.xlsx")
    assert list(table.columns["text"]) == ["A warm room", "A cold room"]
    assert table.notes == ("sheet 'part 2' of 3 is read",)


def test_dates_are_written_as_dates(tmp_path):
    days = [datetime.date(2020, 5, 1), datetime.datetime(2020, 5, 2, 10, 30)]
    save(tmp_path / "a.xlsx", [["text", "label"], ["A", days[0]], ["B", days[1]]])
    table = read_table(tmp_path / "a.xlsx")
    assert list(table.columns["label"]) == ["2020-05-01", "2020-05-02T10:30:00"]


def test_a_formula_without_its_result_makes_a_bad_row(tmp_path):
    save(tmp_path / "a.xlsx", [*ROWS, ['="A " & "wet room"', "fear"], ["A dry room", ""]])
    with pytest.raises(ValueError, match=r"row 4: holds a formula without its result: open and sa"):
        read_table(tmp_path / "a.xlsx")
    table = read_table(tmp_path / "a.xlsx", ReadOptions(bad_rows="skip"))
    assert list(table.columns["text"]) == ["A warm room", "A cold room", "A dry room"]
