"""Telephone numbers in text: by the formats of countries, or in any format where a word says so."""

import re
from collections.abc import Iterator

_PHONE = re.compile(
    r"(?<![A-Za-z0-9_+])(?<![0-9][.,/-])(?<![$€£#])"
    # With its country: the assigned codes of ITU-T E.164.
    r"(?:(?:\+|00(?=[1-9][0-9]{0,2}[ .-]))"
    r"(?:1|7|2[07]|3[0-469]|4[013-9]|5[1-8]|6[0-6]|8[1246]|9[0-58]|2[1-689][0-9]|3[578][0-9]|42[0-9]"
    r"|5[09][0-9]|6[789][0-9]|8[0578][0-9]|9[679][0-9])"
    r"(?:[ \xa0./-]?(?:\(0\) ?)?(?:[0-9]|\([0-9]{1,4}\))){6,13}"
    # North America, with area codes and exchanges that the plan allows.
    r"|(?:1[ .-]?)?(?:\([2-9](?!11)[0-9]{2}\)[ .-]?|[2-9](?!11)[0-9]{2}[.-])"
    r"[1-9](?!11)[0-9]{2}[ .-][0-9]{4}"
    # Chinese mobile numbers; French and others, in pairs.
    r"|1[3-9][0-9]([ -]?)[0-9]{4}\1[0-9]{4}"
    r"|0[1-9]([ .-])[0-9]{2}(?:\2[0-9]{2}){3}"
    # The United Kingdom.
    r"|\(?0(?:2[0-9]\)? [0-9]{4} [0-9]{4}|[138][0-9]{2}\)? [0-9]{3} [0-9]{4}"
    r"|1[0-9]{3}\)? [0-9]{5,6}|1[0-9]{3}\)? [0-9]{3} [0-9]{3}|7[0-9]{3} [0-9]{3} ?[0-9]{3})"
    # Without separators, with the 0 for calls within the country.
    r"|0[1-9][0-9]{8,10}"
    # The same in groups, from Australia to Zambia.
    r"|(?<![0-9] )\(?0[1-9][0-9]{0,3}\)?(?:[ -][0-9]{2,8}){1,4}"
    # Germany and others: area code, then a number in one or more parts.
    r"|(?<![0-9] )\(?0[1-9][0-9]{1,3}(?: ?/ ?|\) ?|[ -])[0-9]{3,8}(?:[ -][0-9]{2,4}){0,2})"
    r"(?![0-9A-Za-z_]|[.,/:-][0-9])"
)
# A number in any format, after a word that says that it is a telephone's.
_SAID = re.compile(
    r"(?:\b(?:call|called|dial|phone|phones|telephone|tele?f?|tlf|mobile|mob|cell|cellphone|fax|ring"
    r"|whatsapp|sms|hotline|text (?:me|us|him|her|them)|(?:reach|contact) (?:me|us|him|her|them)"
    r"|my number|telefon|handy|mobil|mobiltelefon|ruf(?:en sie)?|téléphone|appelez|portable"
    r"|tel[eé]fono|telefone|m[oó]vil|celular|cellulare|chiam[ai]|llam[ae]|ligue|телефон|тел"
    r"|звоните)\b|电话|手机|热线|座机|传真|電話|手機|携帯|전화|휴대폰)"
    r"(?:[\s.:=(]{1,3}(?:me|us|him|her|them|number|nummer|numbers|no|nr|is|are|on|at|to|now|the|my"
    r"|our|office|home|direct|sous|au|unter|al|en|号码|号)\b){0,4}(?:是|为|は)?[\s.:：=]{0,3}\Z",
    re.IGNORECASE,
)
_ANY = re.compile(
    r"(?<![A-Za-z0-9_])(?<![0-9][.,/:-])(?<![$€£#])"
    r"\+?(?:[0-9]|\([0-9]{1,5}\))(?:[ \xa0-]?(?:[0-9]|\([0-9]{1,5}\))|[./][0-9](?=[0-9])){4,18}"
    r"(?![0-9A-Za-z_]|[.,/-][0-9])"
)
_DATE = re.compile(
    r"(?:1[5-9]|20)[0-9]{2}[ ./-](?:[0-9]{1,2}[ ./-][0-9]{1,2}.*|(?:1[5-9]|20)[0-9]{2})"
    r"|[0-9]{1,2}[ ./-][0-9]{1,2}[ ./-](?:1[5-9]|20)[0-9]{2}(?: .*)?"
)
# Coordinates: degrees, minutes and seconds, or degrees with decimals.
_DECIMAL = re.compile(
    r"\+[0-9]{1,3}(?:[ \xa0][0-9]{1,2}){0,2}\.[0-9]{1,8}\Z"
    r"|\+[0-9]{2}[ \xa0][0-5][0-9][ \xa0][0-5][0-9]\.[0-9]+(?![0-9.])"
)
_COUNTING = "01234567890123456789"
_NO_PHONE = re.compile(
    r"(?:\b(?:isbn|issn|order|invoice|ticket|ref|reference|tracking|serial|item|id)\b|#|№|订单)"
    r"[\s:#.]*(?:(?:no|nr|number)\b[\s:#.]*)?\Z",
    re.IGNORECASE,
)


def find_numbers(text: str) -> Iterator[tuple[int, int]]:
    """The start and end of each number; an earlier one wins where two overlap."""
    for match in _PHONE.finditer(text):
        number, end = match[0], match.end()
        if number[0] == "(" and ")" not in number:
            number = number[1:]
        start = end - len(number)
        if _DATE.fullmatch(number) or _DECIMAL.match(number) or number in _COUNTING:
            continue
        least = 8 if "/" in number or number[0] == "+" else 9
        long = least <= sum(map(str.isdigit, number)) <= 15
        if long and not before(_NO_PHONE, text, start):
            yield start, end
    for match in _ANY.finditer(text):
        start, number = match.start(), match[0]
        digits = sum(map(str.isdigit, number))
        if 7 <= digits <= 15 and before(_SAID, text, start) and not _DATE.fullmatch(number):
            yield start, match.end()


def before(pattern: re.Pattern[str], text: str, start: int) -> bool:
    """Whether the 40 characters before a place match a pattern."""
    return pattern.search(text[max(0, start - 40) : start]) is not None
