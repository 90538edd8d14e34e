"""Conversations in one text, with marks between their turns, as many data sets have them."""

import re
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
_AT_BEGINNINGS = r"(?i:(?:\A|\n\n)\s*(Human|Assistant):)"  # as in hh-rlhf
_LOOSE = (rf"(?i:(?:\A|\n\n)\s*({_SPOKEN})[:：])", rf"(?i:(?:\A|\n)\s*({_SPOKEN})[:：])")
# The first of these that marks a user and an assistant is that of a text.
_STRICT_MARKS = [re.compile(p) for p in (*_BEFORE_A_ROLE, *_AFTER_A_PREAMBLE, _AT_BEGINNINGS)]
_MARKS = [*_STRICT_MARKS, *map(re.compile, _LOOSE)]
_PREAMBLE = {re.compile(pattern) for pattern in _AFTER_A_PREAMBLE}
_OTHER_ROLES = {
    **dict.fromkeys(("instruction", "input", "inst", "question", "q", "问"), "user"),
    **dict.fromkeys(("response", "/inst", "answer", "a", "答"), "assistant"),
}
_SPECIAL = r"\s|</?s>|<[be]os>|<end_of_turn>|<\|(?:im_end|eot_id|end|eos|\w+_?of_?text)\|>"
_ENDS = re.compile(rf"\A(?:{_SPECIAL})+|(?:{_SPECIAL})+\Z")
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
    for mark in _STRICT_MARKS if strict else _MARKS:
        found = list(mark.finditer(text))
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


def _bare(text: str) -> str:
    return _ENDS.sub("", text)
