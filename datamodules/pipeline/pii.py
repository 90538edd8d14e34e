"""Personal data in text: e-mail and IP addresses, telephone, card and account numbers.

What has check digits is only found where they are right: most numbers of 16 digits are no card.
"""

import re
from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from ipaddress import AddressValueError, IPv4Address, IPv6Address, ip_network

from datamodules.pipeline import phones
from datamodules.pipeline.phones import before

KINDS = ("email", "phone", "card", "iban", "ip")

# All but e-mail addresses have four digits close together, and few texts do.
_NUMBERS = re.compile(r"[0-9](?:[^0-9]{0,3}[0-9]){3}")
_SIGNS = ("@", " AT ", *(f"{t}{end}" for t in "tT" for end in ("]", ")", "}", ">", " ")))
_AT = re.compile(
    r"@|\s?(?:\[\s?[aA][tT]\s?\]|\(\s?[aA][tT]\s?\)|\{\s?[aA][tT]\s?\}|<\s?[aA][tT]\s?>)\s?|\sAT\s"
)
_LOCAL = re.compile(r"[A-Za-z0-9_À-ɏͰ-ӿ](?:[A-Za-z0-9_.+%'À-ɏͰ-ӿ-]{0,62}[A-Za-z0-9_À-ɏͰ-ӿ+-])?\Z")
_DOMAIN = re.compile(
    r"(?:[^\W_](?:[\w-]{0,61}[^\W_])?(?:\.|\s?[\[({<]\s?[dD][oO][tT]\s?[\])}>]\s?|\sDOT\s)){1,8}"
    r"(?:xn--[a-z0-9]{2,20}|[A-Za-zÀ-ɏͰ-ӿ]{2,24}|中国|中國|公司|网络|網路|香港|台灣)"
    r"(?![A-Za-z0-9@])"
)
# Top-level domains besides those of countries; code has other words after a dot.
_TOP = frozenset(
    "com org net edu gov mil int info biz name mobi museum online site shop store blog dev app xyz "
    "email cloud live club world life press news media film berlin london asia".split()
)
# Endings of files that are no top-level domains.
_FILES = frozenset(
    "png jpg jpeg gif webp svg bmp ico tif tiff heic avif css scss js jsx ts tsx json xml html htm "
    "php txt pdf csv yaml yml toml log cfg psd ttf woff wav exe dll lua".split()
)
_KEYWORDS = frozenset("if elif while for return switch and or not in".split())
_IBAN = re.compile(r"[A-Z](?<![A-Za-z0-9_].)[A-Z][0-9]{2}")
_COUNTRIES = (  # of the IBAN registry, each with the length of its numbers
    "AD24AE23AL28AT20AZ28BA20BE16BG22BH22BI27BR29BY28CH21CR22CY28CZ24DE22DJ27DK18DO28DZ26EE20EG29"
    "ES24FI18FK18FO18FR27GB22GE22GI23GL18GR27GT28HN28HR21HU28IE22IL23IQ23IS26IT27JO30KW30KZ20LB28"
    "LC32LI21LT20LU20LV21LY25MC27MD24ME22MK19MN20MR27MT31MU30NI28NL18NO15OM23PK24PL28PS29PT25QA29"
    "RO24RS22RU33SA24SC31SD18SE24SI19SK24SM27SO23ST25SV28TL23TN24TR26UA29VA22VG24XK20YE30"
)
_IN_IBAN = re.compile(r"\b[A-Z]{2}[0-9]{2}(?: [A-Z0-9]{4})* \Z")
_LENGTHS = {country: int(size) for country, size in re.findall("(..)([0-9]{2})", _COUNTRIES)}
_CARD = re.compile(
    r"(?<![A-Za-z0-9_])(?<![0-9][.,])[1-6][0-9]{2,18}(?:[ \xa0-][0-9]{1,13})*(?![A-Za-z_])"
)
_GROUP = re.compile("[0-9]+")
_ISSUERS = {  # prefixes, and lengths of numbers that begin so
    r"4": (13, 16, 19),  # Visa
    r"5[1-5]|222[1-9]|22[3-9]|2[3-6]|27[01]|2720": (16,),  # Mastercard
    r"3[47]": (15,),  # American Express
    r"6011|64[4-9]|65": (16, 19),  # Discover
    r"352[89]|35[3-8]": range(16, 20),  # JCB
    r"30[0-5]|3095|36|3[89]": (14, 16, 19),  # Diners Club
    r"62": range(16, 20),  # UnionPay
    r"50|5[6-9]|6304|6390|67": (16, 18, 19),  # Maestro
}
_IPV4 = re.compile(r"(?<![A-Za-z0-9_.])[0-9]{1,3}(?:\.[0-9]{1,3}){3}(?![A-Za-z0-9_]|\.[0-9])")
_IPV6 = re.compile(  # global unicast
    r"(?<![A-Za-z0-9_.])(?<![0-9]:)[23][0-9A-Fa-f]{3}(?::[0-9A-Fa-f]{0,4}){2,7}(?![0-9A-Za-z:])"
)
_NO_ADDRESS = re.compile(
    r"(?:\b(?:v|ver|version|release|build|firmware|update|section|sec|chapter|clause|oid)\.?|§)\s*\Z",
    re.IGNORECASE,
)
_ADDRESS = re.compile(r"\b(?:ip|ipv4|address|host|server|dns|ping)\W{1,2}(?:is |was )?\Z", re.I)
_SMALL = ("1.1.1.1", "8.8.8.8", "8.8.4.4", "9.9.9.9")  # addresses that many texts name
_EXAMPLES = [  # of RFC 5737 and 3849: not routed, but written where a real one would be
    *map(ip_network, ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "2001:db8::/32"))
]


@dataclass(frozen=True)
class Match:
    """A find of personal data in ``text[start:end]``."""

    kind: str
    start: int
    end: int


def find(text: str) -> list[Match]:
    """Find all personal data, from left to right and without overlap."""
    candidates, kept = list(_candidates(text)), []
    taken = bytearray(len(text) if candidates else 0)
    for item in candidates:
        if not any(taken[item.start : item.end]):
            taken[item.start : item.end] = b"\1" * (item.end - item.start)
            kept.append(item)
    return sorted(kept, key=lambda item: item.start)


def mask(text: str, kinds: Collection[str] = KINDS) -> tuple[str, Counter[str]]:
    """Replace personal data by ``<EMAIL>``, ``<CARD>`` and so on, and count each kind."""
    counts: Counter[str] = Counter()
    # What stood beside personal data may be found only when that is gone.
    while found := [item for item in find(text) if item.kind in kinds]:
        parts, last = [], 0
        for item in found:
            parts += [text[last : item.start], f"<{item.kind.upper()}>"]
            last = item.end
        text = "".join([*parts, text[last:]])
        counts.update(item.kind for item in found)
    return text, counts


def _candidates(text: str) -> Iterator[Match]:
    """The candidates, of which an earlier one wins where two overlap."""
    if any(sign in text for sign in _SIGNS):
        yield from _emails(text)
    if _NUMBERS.search(text):
        yield from _ibans(text)
        yield from _cards(text)
        yield from _addresses(text)
        for start, end in phones.find_numbers(text):
            if not before(_IN_IBAN, text, start):
                yield Match("phone", start, end)


def _emails(text: str) -> Iterator[Match]:
    for at in _AT.finditer(text):
        first = max(0, at.start() - 64)
        local = _LOCAL.search(text[first : at.start()])
        domain = _DOMAIN.match(text, at.end())
        if local and domain and _is_email(at[0], local[0], domain[0], text[domain.end() :][:1]):
            yield Match("email", first + local.start(), domain.end())


def _is_email(at: str, local: str, domain: str, after: str) -> bool:
    """Whether the parts are an address, and not code or a file's name."""
    last = re.split(r"[^\w-]+", domain)[-1].lower()
    known = len(last) == 2 or last in _TOP or not last.isascii() or last.startswith("xn--")
    if last in _FILES or local == "git":  # git@host:path names a repository
        return False
    if at == "@":
        return known or after not in ("(", "[", "=")
    return known and local.lower() not in _KEYWORDS and after not in ("(", "[", "=")


def _plain(number: str) -> str:
    return re.sub(r"[ \xa0-]", "", number)


def _ibans(text: str) -> Iterator[Match]:
    for head in _IBAN.finditer(text):
        rest = rf"(?:[ \xa0-]?[A-Z0-9]){{{_LENGTHS.get(head[0][:2], 99) - 4}}}(?![A-Za-z0-9])"
        if match := re.compile(rest).match(text, head.end()):
            number = "".join(str(int(c, 36)) for c in _plain(match[0]) + head[0])
            if int(number) % 97 == 1:
                yield Match("iban", head.start(), match.end())


def _cards(text: str) -> Iterator[Match]:
    """Find each longest part of a run of groups of digits that is a card's number."""
    for run in _CARD.finditer(text):
        groups, last = [group.span() for group in _GROUP.finditer(text, *run.span())], 0
        for n, (start, _) in enumerate(groups):
            ends = [end for _, end in groups[n : n + 6] if is_card(_plain(text[start:end]))]
            if ends and start >= last and not before(_IN_IBAN, text, start):
                last = ends[-1]
                yield Match("card", start, last)


def is_card(digits: str) -> bool:
    """Whether an issuer gives out numbers that begin so, of this length, with this check digit."""
    if not any(len(digits) in n and re.match(start, digits) for start, n in _ISSUERS.items()):
        return False
    doubled = "".join(str(int(digit) * (1 + n % 2)) for n, digit in enumerate(reversed(digits)))
    return sum(map(int, doubled)) % 10 == 0


def _addresses(text: str) -> Iterator[Match]:
    for match in _IPV4.finditer(text):
        start, address = match.start(), match[0]
        # Nearly all that have four small numbers are versions and sections.
        small = max(map(int, address.split("."))) < 32 and address not in _SMALL
        named = not small or before(_ADDRESS, text, start)
        if named and not before(_NO_ADDRESS, text, start) and _is_public(IPv4Address, address):
            yield Match("ip", start, match.end())
    for match in _IPV6.finditer(text) if ":" in text else ():
        if _is_public(IPv6Address, match[0]):
            yield Match("ip", *match.span())


def _is_public(kind: type[IPv4Address] | type[IPv6Address], text: str) -> bool:
    try:
        address = kind(text)
    except AddressValueError:
        return False
    public = address.is_global and not address.is_multicast
    return public or any(address in network for network in _EXAMPLES)
