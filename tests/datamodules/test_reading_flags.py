"""The flags of labelled text that decide how files are read."""

import pytest

from datamodules import SST2, TextFiles

ROWS = "".join(f"Room {i}, café;{'joy' if i % 2 else 'anger'}\n" for i in range(60))


def texts(data):
    return {text for split in data.dataset.splits.values() for text in split.texts}


def test_rows_that_cannot_be_used_are_left_out_counted_and_listed(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text(f'text;label\n{ROWS};joy\n"open;joy\nfine;-\nlast;joy\n')
    with pytest.raises(ValueError, match=r"a\.csv, row 63: .*--data\.bad_rows skip"):
        texts(TextFiles(source=str(path)))
    data = TextFiles(source=str(path), bad_rows="skip")
    assert len(texts(data)) == 61 and "last" in texts(data)
    note = next(note for note in data.dataset.notes if "left out: " in note)
    assert "a.csv: 2 rows were left out: row 63: " in note and "row 62: 'text' is empty" in note


def test_delimiter_header_and_encoding_are_given(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text(ROWS, encoding="utf-16-le")
    data = TextFiles(source=str(path), delimiter="semicolon", header=False, encoding="utf-16-le")
    assert len(texts(data)) == 60 and "Room 0, café" in texts(data)
    assert data.dataset.label_names == ("anger", "joy")
    data = TextFiles(source=str(path), text_column="1", label_column="2")
    assert len(texts(data)) == 60


@pytest.mark.parametrize("flag", [{"delimiter": ";"}, {"header": True}, {"encoding": "cp1252"}])
def test_a_flag_for_files_is_refused_where_no_file_is_read(flag):
    with pytest.raises(ValueError, match=rf"--data\.{next(iter(flag))}: only files have one"):
        texts(SST2(source="bundled", **flag))
