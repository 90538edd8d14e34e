"""Electronic books: the frame that their publisher puts around the text."""

import re

_MARK = r"^[ \t]*\*{3}[ \t]*%s(?: OF)? (?:THE|THIS)\b[^*]{0,400}\*{3}[ \t]*$"
# Before the lines with asterisks there was a licence in small print at the start.
_SMALL_PRINT = r"^[ \t]*\*END[ *]*THE SMALL PRINT!.{0,200}\n"
_START = re.compile(f"{_MARK % 'START'}|{_SMALL_PRINT}", re.MULTILINE | re.IGNORECASE)
_END = re.compile(
    _MARK % "END" + r"|^[ \t]*End of (?:the |this )?Project Gutenberg.{0,200}$"
    r"|^[ \t]*\*{3}[ \t]*START: FULL LICEN[CS]E[ \t]*\*{3}[ \t]*$",
    re.MULTILINE | re.IGNORECASE,
)
_PRODUCED = re.compile(
    r"\s*(?:E-?text )?(?:Produced|prepared) by .{0,400}?(?:\n\s*\n|\Z)", re.I | re.S
)
_FIRST = 60_000  # characters in which a frame begins


def without_frame(text: str) -> str | None:
    """Take off the header and the licence of Project Gutenberg's books and their like.

    Returns:
        The text between the two marks, or after or before the only one; None without a mark.
    """
    if "*" not in text[:_FIRST] and "Gutenberg" not in text[-_FIRST:]:
        return None
    starts = list(_START.finditer(text[:_FIRST]))
    begin = starts[-1].end() if starts else 0
    end = _END.search(text, begin)
    if end is None and not starts:
        return None
    body = text[begin : end.start() if end else len(text)]
    if starts and (credit := _PRODUCED.match(body)):
        body = body[credit.end() :]
    return body.strip("\n")
