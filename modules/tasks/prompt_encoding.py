"""The token ids of prompts around the texts of rows, which are cut to what a model reads."""

from collections.abc import Mapping, Sequence
from typing import Any

from modules.encoding import beside_soft_prompt, most_tokens
from modules.prompts import scoring
from modules.prompts.library import TEMPLATES


def of_library(
    template: str, verbalizer: dict[str, str] | None, instruction: str | None
) -> tuple[str, dict[str, str] | None, str]:
    """Return template, words by label and instruction, from the library where it has the name.

    Args:
        template: A name of the library, or Jinja with a column.
        verbalizer: The word of each label; the library's if None.
        instruction: The text before everything else; the library's if None.

    Raises:
        ValueError: If the template is neither.
    """
    known = TEMPLATES.get(template)
    if known is None and "{{" not in template:
        raise ValueError(
            f"--model.task.template {template}: neither Jinja with a column, as "
            f"'{{{{ text }}}} It was', nor one of {', '.join(TEMPLATES)}"
        )
    if known is None:
        return template, verbalizer or None, instruction or ""
    asked = known.instruction if instruction is None else instruction
    return known.template, verbalizer or dict(known.words), asked


def encode(
    task: Any, rows: Sequence[dict[str, str]], prefixes: Sequence[str], truncate: bool
) -> list[scoring.EncodedPrompt]:
    """Encode the prompts of rows.

    Args:
        task: A task with ``prompt``, ``template``, ``words``, ``tokenizer``, ``masked`` and
            ``max_prompt_tokens``.
        rows: The texts of each row by column.
        prefixes: The text before each prompt.
        truncate: Whether to truncate texts so that the prompt fits into the context.

    Raises:
        ValueError: If a prompt does not fit without its texts.
    """
    read = scoring.encode_cloze if task.masked else scoring.encode_causal
    prompts = [task.prompt(*pair) for pair in zip(rows, prefixes, strict=True)]
    encoded = read(task.tokenizer, prompts, task.words)
    for number in range(len(encoded)) if truncate else ():
        row = rows[number]
        while (over := encoded[number].length - task.max_prompt_tokens) > 0:
            row = _truncated(task, row, over)
            prompt = task.prompt(row, prefixes[number])
            (encoded[number],) = read(task.tokenizer, [prompt], task.words)
    return encoded


def _truncated(task: Any, row: dict[str, str], tokens: int) -> dict[str, str]:
    """Return the row without so many tokens at the end of its longest text."""
    name = max(task.template.columns, key=lambda column: len(row[column]))
    options = {"add_special_tokens": False, "return_offsets_mapping": True, "verbose": False}
    ends = task.tokenizer(row[name], **options)["offset_mapping"]
    if len(ends) <= tokens:
        raise ValueError(
            f"--model.task.template: the prompt without its texts is longer than the "
            f"{task.max_prompt_tokens} tokens that the backbone reads of it"
        )
    return {**row, name: row[name][: ends[len(ends) - tokens][0]].rstrip()}


def rows_of(columns: Mapping[str, Sequence[str]]) -> list[dict[str, str]]:
    """Return the texts of a batch row by row."""
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def check_words(tokenizer: Any, labels: Sequence[str], words: Sequence[str], backbone: str) -> None:
    """Refuse words that the tokenizer does not know, or cannot tell apart.

    Args:
        tokenizer: The backbone's tokenizer.
        labels: The names of the classes.
        words: The word of each class.
        backbone: The name of the backbone, for errors.

    Raises:
        ValueError: If there is such a word.
    """
    seen: dict[tuple[int, ...], str] = {}
    for label, word in zip(labels, words, strict=True):
        flag = f"--model.task.verbalizer.{label} {word}"
        ids = tuple(tokenizer(f" {word}", add_special_tokens=False)["input_ids"])
        unknown = tokenizer.unk_token_id
        if not ids or (unknown in ids and unknown != tokenizer.eos_token_id):
            raise ValueError(f"{flag}: {backbone} has no tokens for it")
        if ids in seen:
            raise ValueError(f"{flag}: to {backbone} the same tokens as {seen[ids]!r}")
        seen[ids] = word


def attach(task: Any, model: Any) -> None:
    """Take the limits of a model, with or without a soft prompt before it.

    Args:
        task: A task as of :func:`encode`; it gets ``max_prompt_tokens``, and the number of the
            prompt's tokens without a text as ``overhead``, in ``_rows`` rows.
        model: Its model.

    Raises:
        ValueError: If the prompt leaves no room for a text.
    """
    task.max_prompt_tokens = most = most_tokens(model, task.tokenizer)
    (empty,) = task.encode([dict.fromkeys(task.template.columns, "")], truncate=False)
    task._rows, task.overhead = len(empty.rows), empty.length
    if task.overhead >= most:
        raise ValueError(
            f"--model.task.template: takes {task.overhead} tokens and leaves no room for a text; "
            f"the backbone reads {most}{beside_soft_prompt(model)}"
        )
