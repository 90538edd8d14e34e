"""Texts that a model reads inside a chat or a prompt: only the text is ever cut."""

from typing import Any

from datamodules.packaged import pad_id
from modules.text_rows import CHARACTERS, Rows


def questions(tokenizer: Any, texts: list[str], limit: int) -> Rows:
    """Encode questions of a chat, or the beginnings of texts where there is no chat template."""
    ids, truncated = [], []
    for text in texts:
        shown, cut = _shortened(tokenizer, text, limit)
        row = _question(tokenizer, shown)
        while (over := len(row) - limit) > 0:
            kept = len(tokenizer(shown, add_special_tokens=False, verbose=False)["input_ids"])
            if kept <= over:
                raise ValueError(
                    f"the chat template leaves no room for a question in {limit} tokens"
                )
            shown, _ = _shortened(tokenizer, shown, kept - over)
            row, cut = _question(tokenizer, shown), True
        ids.append(row)
        truncated.append(cut)
    return Rows(ids, None, truncated, {"text": texts}, pad_id(tokenizer))


def _question(tokenizer: Any, text: str) -> list[int]:
    if not tokenizer.chat_template:
        return tokenizer(text, verbose=False)["input_ids"]
    asked = [{"role": "user", "content": text}]
    shown = tokenizer.apply_chat_template(asked, tokenize=False, add_generation_prompt=True)
    return tokenizer(shown, add_special_tokens=False, verbose=False)["input_ids"]


def prompted(module: Any, tokenizer: Any, columns: dict[str, list[str]], limit: int) -> Rows:
    """Count the tokens of texts for a task that encodes its prompts itself."""
    task = module.task
    around = task.overhead + getattr(module, "max_demonstration_tokens", lambda: 0)()
    room = max(1, task.max_prompt_tokens - around)
    columns, ids, truncated = {n: list(c) for n, c in columns.items()}, [], []
    for row in range(len(columns["text"])):
        parts, cut = [], False
        for name in task.template.columns:
            text, over = _shortened(tokenizer, columns[name][row], limit)
            columns[name][row], cut = text, cut or over
            parts += tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"]
        ids.append(parts or [pad_id(tokenizer)])
        truncated.append(cut or len(parts) > room)
    return Rows(ids, None, truncated, columns, pad_id(tokenizer))


def _shortened(tokenizer: Any, text: str, tokens: int) -> tuple[str, bool]:
    """Return the beginning of a text with at most so many tokens, and whether it was cut."""
    options = {"add_special_tokens": False, "return_offsets_mapping": True, "verbose": False}
    for characters in (tokens * CHARACTERS, len(text)):
        ends = tokenizer(text[:characters], **options)["offset_mapping"]
        if len(ends) > tokens:
            return text[: ends[tokens][0]].rstrip(), True
        if characters >= len(text):
            break
    return text, False
