"""Conversations in one text, with marks between their turns, as many data sets have them."""

import re
from itertools import pairwise
from typing import Any

from datamodules.instructions.turns import ROLES

EXAMPLE = "'### Human:' and '### Assistant:'"
_SPOKEN = "System|Human|User|Assistant|AI|Bot|Question|Answer|Q|A|用户|人类|助手|助理|问|答"
_BEFORE_A_ROLE = (
    r"<\|im_start\|>\s*([\w ]+)\n",
    r"<\|start_header_id\|>([\w ]+)<\|end_header_id\|>",
    r"<start_of_turn>(\w+)\n",
    r"<\|(system|user|human|assistant|bot|tool|observation)\|>",
)
_AFTER_A_PREAMBLE = (
    r"\[(/?INST)\]",
    r"(?i:### ?(System|Human|User|Assistant|GPT|Bot|AI):)",
    r"(?i:### ?(System|Instruction|Input|Response):)",
    r"(?i:### ?(System|Question|Answer):)",
    r"\b(SYSTEM|USER|ASSISTANT):",
)
# The first of these that marks a user and an assistant is that of a text.
_TOKENS = [re.compile(p) for p in (*_BEFORE_A_ROLE, *_AFTER_A_PREAMBLE)]
_PREAMBLE = {re.compile(pattern) for pattern in _AFTER_A_PREAMBLE}
# Names with a colon at the beginnings of paragraphs or lines; the first are those of hh-rlhf.
_NAMES = re.compile(r"(?i:(?<!\S)(Human|Assistant):)")
_MORE_NAMES = re.compile(rf"(?i:(?<!\S)({_SPOKEN})[:：])")
_OTHER_ROLES = {
    **dict.fromkeys(("instruction", "input", "inst", "question", "q", "问"), "user"),
    **dict.fromkeys(("response", "/inst", "answer", "a", "答"), "assistant"),
}
_SPECIAL = re.compile(r"</?s>|<[be]os>|<end_of_turn>|<\|(?:im_end|eot_id|end|eos|\w+_?of_?text)\|>")
_SYSTEM = re.compile(r"\s*<<SYS>>(.*?)<</SYS>>", re.DOTALL)  # of Llama 2, inside of a question


def turns_of(text: str, strict: bool = False) -> list[dict[str, Any]] | None:
    """The messages of a text in the marks of a chat template; None of a text without them.

    Known are the marks of ChatML, Llama 2 and 3, Gemma, Zephyr, Vicuna, Alpaca (``###``), and
    names with a colon at the beginnings of lines. An assistant's turn that is empty at the end is
    left out: there the text waits for an answer.

    Args:
        text: The text.
        strict: Whether a text is taken for one without marks if they may be its own words: where
            it begins with others, which else are the system message, and where the names are
            others than Human and Assistant.
    """
    spoken = (_NAMES,) if strict else (_NAMES, _MORE_NAMES)
    for mark in (*_TOKENS, *spoken):
        found = _at_beginnings(mark, text) if mark in spoken else list(mark.finditer(text))
        names = [match[1].strip().lower() for match in found]
        roles = [_OTHER_ROLES.get(name) or ROLES.get(name, name) for name in names]
        ahead = _bare(text[: found[0].start()]) if found else ""
        if not {"user", "assistant"} <= {*roles}:
            continue
        if ahead and (strict or mark not in _PREAMBLE):
            continue
        turns = [{"role": "system", "content": ahead}] if ahead else []
        ends = [match.start() for match in found[1:]] + [len(text)]
        for name, role, match, end in zip(names, roles, found, ends, strict=True):
            said = _bare(text[match.end() : end])
            if system := _SYSTEM.match(said):
                turns.append({"role": "system", "content": system[1].strip()})
                said = said[system.end() :].strip()
            if name == "input" and turns and turns[-1]["role"] == "user":
                turns[-1]["content"] = "\n\n".join(filter(None, (turns[-1]["content"], said)))
            else:
                turns.append({"role": role, "content": said})
        waits = turns[-1]["role"] == "assistant" and not turns[-1]["content"]
        return turns[:-1] if waits else turns
    return None


def _at_beginnings(mark: re.Pattern, text: str) -> list[re.Match]:
    """The names at the beginnings of paragraphs, or of lines if no two in a row are the same.

    Where paragraphs do not mark two speakers, lines may, but not by the names of hh-rlhf alone.
    """
    found = list(mark.finditer(text))
    gaps = [text[len(text[: match.start()].rstrip()) : match.start()] for match in found]
    whole = [len(gap) == match.start() for gap, match in zip(gaps, found, strict=True)]
    lines, paragraphs = (
        [m for m, gap, first in zip(found, gaps, whole, strict=True) if first or breaks in gap]
        for breaks in ("\n", "\n\n")
    )
    used = {match[1].lower() for match in paragraphs}
    if len(used) < 2:
        return [] if mark is _NAMES else lines
    same = [match for match in lines if match[1].lower() in used]
    takes_turns = all(a[1].lower() != b[1].lower() for a, b in pairwise(same))
    return same if takes_turns else paragraphs


def _bare(text: str) -> str:
    """A turn without the white space and the special tokens around it."""
    text = text.strip()
    while token := _SPECIAL.match(text):
        text = text[token.end() :].lstrip()
    while text.endswith(">") and (token := _SPECIAL.fullmatch(text, text.rfind("<"))):
        text = text[: token.start()].rstrip()
    return text
