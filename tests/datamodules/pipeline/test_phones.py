"""Telephone numbers in the formats of countries, and what only looks like personal data."""

import pytest

from datamodules.pipeline import pii

FORMATS = """07700900123
02079460958
0612345678
015112345678
0201 5550123
012 34 56 78
02-7111234
+1.4805058800""".splitlines()
OTHERS = """+62 01 49.587
+41.2691667
+22 00 52.10 83.63
+62 01.49587
RA 05 34 31.94 Dec +22 00 52.2
0123456789
01-02-2003 1030
icon_16x16@2x.png
logo@3x.webp
if (a > b.c)
if (at > E.numrows) return
if (at) E.rows = 3
cells.get(at) E.numrows
q@k.transpose(-2, -1)
git@github.com:user/name.git""".splitlines()


@pytest.mark.parametrize("value", FORMATS)
@pytest.mark.parametrize("place", ["{}", "It was {}.", "({}) and so on", "电话{}。"])
def test_a_number_alone_is_found(value, place):
    assert pii.mask(place.format(value)) == (place.format("<PHONE>"), {"phone": 1})


@pytest.mark.parametrize("value", OTHERS)
@pytest.mark.parametrize("place", ["{}", "It was {}.", "({}) and so on", "see: {}, then\nmore"])
def test_coordinates_files_and_code_stay(value, place):
    assert pii.mask(place.format(value)) == (place.format(value), {})


# Formats by country, for which a word must say that the number is a telephone's.
SAID = {
    "Call {} now.": ["2125550187", "5550123", "8 (912) 345-67-89", "22 12 34 56", "921123456"],
    "Tel.: {}": ["612 34 56 78", "11 2345-6789", "2 1234 5678", "(11) 96123-4567"],
    "My number is {}, ask for Ann.": ["2015550123", "912 345 678", "(0)31 123 4567"],
    "电话：{}。": ["28881234", "6512345678"],
    "Appelez-moi : téléphone {}": ["470 12 34 56"],
    "Telefon {}": ["221234567"],
}


@pytest.mark.parametrize(("place", "value"), [(p, v) for p, vs in SAID.items() for v in vs])
def test_a_number_in_any_format_where_a_word_says_so(place, value):
    assert pii.mask(place.format(value)) == (place.format("<PHONE>"), {"phone": 1})


@pytest.mark.parametrize(
    "text",
    [
        "They call 10,000,000 a crore.",
        "The call of 2003-05-12 was short.",
        "We phone 1999-2003 veterans.",
        "Call 911.",
        "I weigh 2125550187 grains.",
    ],
)
def test_other_numbers_after_or_without_such_a_word_stay(text):
    assert pii.mask(text) == (text, {})


def test_two_numbers_among_a_star_an_icon_and_code():
    text = "Call {} or {} before noon. The star lies at +62 01 49.587. See icon_16x16@2x.png. {}"
    code = "if (at > E.numrows) return;"
    masked, found = pii.mask(text.format("07700900123", "0201 5550123", code))
    assert masked == text.format("<PHONE>", "<PHONE>", code) and found == {"phone": 2}


@pytest.mark.slow
@pytest.mark.parametrize(
    "text", ["call me on the " * 40_000, "call 1" + " 1" * 40_000, "01 23" * 40_000]
)
@pytest.mark.timeout(60)  # in quadratic time it would be half an hour
def test_no_text_takes_long(text):
    pii.find(text)
