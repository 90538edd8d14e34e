import pytest

from datamodules.pipeline import pii
from experiments.benchmarks.pii_recall import pii_cases, pii_score

FORMATS = {
    "someone@example.org": "email",
    "some.one+tag@mail.example.co.uk": "email",
    "jürgen@müller-bücher.de": "email",
    "someone [at] example [dot] com": "email",
    "4111 1111 1111 1111": "card",
    "5555-5555-5555-4444": "card",
    "378282246310005": "card",
    "6011000990139424": "card",
    "DE89 3704 0044 0532 0130 00": "iban",
    "GB82WEST12345698765432": "iban",
    "8.8.4.4": "ip",
    "2001:4860:4860::8888": "ip",
    "(212) 555-0187": "phone",
    "212-555-0187": "phone",
    "+44 20 7946 0958": "phone",
    "+49 30 1234567": "phone",
    "13812345678": "phone",
    "+86 138 1234 5678": "phone",
    "01 42 68 53 00": "phone",
    "01632 960983": "phone",
    "030/1234567": "phone",
}
INNOCENT = [
    "4111 1111 1111 1112",  # the check digit is wrong
    "1234 5678 9012 3456",
    "0000 0000 0000 0000",
    "DE88 3704 0044 0532 0130 00",
    "192.168.1.1",
    "127.0.0.1",
    "10.0.0.7",
    "version 1.2.3.4",
    "256.300.1.1",
    "978-3-16-148410-0",
    "1999-2003",
    "12/24/1999",
    "2024-11-24",
    "$1,234,567.89",
    "3.14159265358979",
    "10/10",
    "at 10:45:30",
    "Terminator 2: T-1000",
    "@handle",
    "a@b",
    "std::vector",
]


@pytest.mark.parametrize("item", FORMATS)
def test_formats(item):
    kind = FORMATS[item]
    for before, after in (("", ""), ("Reach me: ", "."), ("(", ")"), ("Zeile\n", "\nnächste")):
        text, counts = pii.mask(before + item + after)
        assert text == f"{before}<{kind.upper()}>{after}" and counts == {kind: 1}


@pytest.mark.parametrize("item", INNOCENT)
def test_look_alikes_stay(item):
    text = f"It says {item}, and so on."
    assert pii.mask(text) == (text, {})


def test_masking_again_changes_nothing():
    once, _ = pii.mask("; ".join(FORMATS))
    assert pii.mask(once) == (once, {}) and once.count("<") == len(FORMATS)


def test_only_the_kinds_asked_for():
    text = "a@example.org, 8.8.4.4"
    assert pii.mask(text, ("ip",)) == ("a@example.org, <IP>", {"ip": 1})


def test_five_hundred_planted():
    score, besides = pii_score(1, 600)
    found = sum(hits for hits, _ in score.values())
    planted = sum(count for _, count in score.values())
    assert planted == 360 and found / planted >= 0.97 and found / (found + besides) >= 0.97
    assert all(hits / count > 0.9 for hits, count in score.values())


def test_planting_is_by_seed():
    assert pii_cases(3, 20) == pii_cases(3, 20) != pii_cases(4, 20)
