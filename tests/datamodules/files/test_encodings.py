"""Encodings that are found, said and given; a byte that does not fit names its row."""

import pytest

from datamodules.files import ReadOptions, read_table

RUSSIAN = "Очень хороший фильм, мне понравилось"
CHINESE = "房间很小，早餐很好。价格太高了，不推荐这家酒店"
TRADITIONAL = "這部電影非常好看，我還想再看一次"
JAPANESE = "部屋は小さいですが、朝食はとても良かったです"
KOREAN = "방은 작지만 아침 식사는 아주 좋았습니다"
FRENCH = "Le café était très agréable – déjà réservé pour l’été"
POLISH = "Książka była świetna, źle się skończyła, żółć i gęś"


def write(path, text, encoding, rows=20):
    content = "text\tlabel\n" + "".join(f"{text} {i}\t{i % 2}\n" for i in range(rows))
    path.write_bytes(content.encode(encoding))


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        *((FRENCH, name) for name in ("utf-8", "utf-8-sig", "utf-16", "utf-32", "cp1252")),
        *((FRENCH, name) for name in ("utf-16-le", "utf-16-be")),
        ("caf\xe9 is nice", "latin-1"),
        ("El ni\xf1o comi\xf3 la pi\xf1a ma\xf1ana", "cp1252"),
        ("It\u2019s \xa35 \u2013 ok", "cp1252"),
        *((CHINESE, name) for name in ("gbk", "gb18030", "utf-16")),
        (TRADITIONAL, "big5"),
        (TRADITIONAL, "gb18030"),
        *((JAPANESE, name) for name in ("shift_jis", "euc_jp")),
        *((RUSSIAN, name) for name in ("cp1251", "koi8-r")),
        (KOREAN, "euc_kr"),
    ],
)
@pytest.mark.parametrize("name", ["a.tsv", "a"])
def test_an_encoding_is_found_and_said(tmp_path, text, encoding, name):
    write(tmp_path / name, text, encoding)
    table = read_table(tmp_path / name)
    assert table.columns["text"][3] == f"{text} 3" and len(table.rows) == 20
    said = any("is read as" in note for note in table.notes)
    assert said == (encoding not in ("utf-8", "utf-8-sig"))


@pytest.mark.parametrize("encoding", ["cp1250", "mac_roman", "utf-8", "cp1252", "gbk", "utf-16"])
def test_an_encoding_is_given(tmp_path, encoding):
    text = {"cp1250": POLISH, "gbk": CHINESE}.get(encoding, FRENCH)
    write(tmp_path / "a.tsv", text, encoding)
    table = read_table(tmp_path / "a.tsv", ReadOptions(encoding=encoding))
    assert table.columns["text"][0] == f"{text} 0" and not table.notes


def test_an_encoding_that_is_wrong_or_unknown(tmp_path):
    write(tmp_path / "a.tsv", FRENCH, "cp1252")
    with pytest.raises(ValueError, match=r"row 2: byte 0xe9 is not UTF-8: .*--data\.encoding"):
        read_table(tmp_path / "a.tsv", ReadOptions(encoding="utf-8"))
    for name in ("utf-9", "base64"):
        with pytest.raises(ValueError, match=rf"--data\.encoding: .*'{name}' is no encoding"):
            read_table(tmp_path / "a.tsv", ReadOptions(encoding=name))


def test_one_broken_byte_in_utf8_is_not_another_encoding(tmp_path):
    write(tmp_path / "a.tsv", FRENCH, "utf-8")
    broken = (tmp_path / "a.tsv").read_bytes() + b"caf\xe9\t1\n"
    (tmp_path / "a.tsv").write_bytes(broken)
    with pytest.raises(ValueError, match="row 22: byte 0xe9 is not UTF-8"):
        read_table(tmp_path / "a.tsv")
    table = read_table(tmp_path / "a.tsv", ReadOptions(bad_rows="skip"))
    assert len(table.rows) == 20 and table.left_out[0][0] == 22


def test_bytes_that_are_no_text(tmp_path):
    (tmp_path / "a.csv").write_bytes(bytes(range(256)) * 8)
    with pytest.raises(ValueError, match=r"a\.csv: is not a text"):
        read_table(tmp_path / "a.csv")


def test_line_ends_of_unicode_are_characters(tmp_path):
    (tmp_path / "a.csv").write_text("text,label\na\u2028b\x0cc\x85d,1\ne,0\n", newline="")
    assert read_table(tmp_path / "a.csv").columns["text"][0] == "a\u2028b\x0cc\x85d"


def test_a_broken_byte_in_a_file_of_fasttext_is_a_bad_row(tmp_path):
    lines = [f"__label__{'yn'[i % 2]} c'était très bien {i}".encode() for i in range(40)]
    lines[7] += b" caf\xe9"
    (tmp_path / "a.txt").write_bytes(b"\n".join(lines))
    table = read_table(tmp_path / "a.txt", ReadOptions(bad_rows="skip"))
    assert table.left_out == ((8, "byte 0xe9 is not UTF-8"),) and len(table.rows) == 39
