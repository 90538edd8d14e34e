"""The token ids of texts, as a module was trained to read them."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch

from datamodules.packaged import joined_pairs, load_tokenizer, pad_id
from modules.backbones import context_length
from modules.prompt_rows import prompted, questions
from modules.text_rows import CHARACTERS, MOST_TOKENS, Rows

Text = str | tuple[str, str]


def tokenizer_of(module: Any) -> Any:
    """Return the tokenizer of a module's backbone, with the chat template of its task."""
    found = getattr(module, "_own_tokenizer", None)
    if found is None:
        found = load_tokenizer(module.origin)
        if template := getattr(module.task, "chat_template", None):
            found.chat_template = template
        module._own_tokenizer = found
    return found


def encode(module: Any, texts: Sequence[Text], room: int = 0) -> Rows:
    """Encode texts, or pairs of texts.

    Args:
        module: A module with a task.
        texts: N texts; all of them pairs, or none.
        room: Tokens to leave free for an answer.

    Raises:
        ValueError: If one is not a text, or they are pairs where the task reads one text, or the
            other way round.
    """
    tokenizer, task = tokenizer_of(module), module.task
    columns = pair_columns(task, texts)
    limit = max_tokens(module, tokenizer) - room
    if limit < 1:
        raise ValueError(f"an answer of {room} tokens leaves no room for a text")
    if task.label_kind == "none" and task.auto_class == "AutoModelForCausalLM":
        return questions(tokenizer, columns["text"], limit)
    if hasattr(task, "template"):
        return prompted(module, tokenizer, columns, limit)
    firsts, seconds = joined_pairs(tokenizer, columns["text"], columns.get("pair"))
    ids, types, truncated = _tokenized(tokenizer, firsts, seconds, limit, limit * CHARACTERS)
    return Rows(ids, types, truncated, columns, pad_id(tokenizer))


def reads_pairs(task: Any) -> bool:
    """Tell whether a task reads pairs of texts."""
    return task.pairs or "pair" in getattr(getattr(task, "template", None), "columns", ())


def needs_context(task: Any) -> bool:
    """Tell whether a question needs a context: not where the prompt's template asks for none."""
    template = getattr(getattr(task, "encoding", None), "template", None)
    return template is None or "context" in {*template.columns} - {*template.optional}


def max_tokens(module: Any, tokenizer: Any) -> int:
    """Return the most tokens of a text that the module reads."""
    positions = (context_length(module.model) or MOST_TOKENS) - soft_prompt_tokens(module.model)
    return min(positions, tokenizer.model_max_length, MOST_TOKENS)


def most_tokens(model: Any, tokenizer: Any) -> int:
    """Return the most tokens that a model reads of a row, beside a soft prompt where it has one."""
    positions = context_length(model) or 1 << 20
    return min(positions - soft_prompt_tokens(model), tokenizer.model_max_length)


def soft_prompt_tokens(model: Any) -> int:
    """Return the positions that a soft prompt takes before each text; 0 without one."""
    config: Any = getattr(model, "active_peft_config", None)
    return config.num_virtual_tokens if getattr(config, "is_prompt_learning", False) else 0


def beside_soft_prompt(model: Any) -> str:
    """Return words for errors that tell of a soft prompt; empty without one."""
    soft = soft_prompt_tokens(model)
    return f" beside a soft prompt of {soft}" if soft else ""


def prompts(batch: Mapping[str, Any]) -> list[list[int]]:
    """Return the token ids to answer of each row of a batch: up to the first supervised one.

    Raises:
        ValueError: If several conversations are packed into a row.
    """
    if "position_ids" in batch:
        raise ValueError("--data.packing: predictions need one conversation a row; without it")
    ends = batch["attention_mask"].sum(1)
    if "supervised" in batch:
        ends = torch.where(batch["supervised"].any(1), batch["supervised"].int().argmax(1), ends)
    rows = zip(batch["input_ids"].tolist(), ends.tolist(), strict=True)
    return [ids[:end] for ids, end in rows]


def pair_columns(task: Any, texts: Sequence[Text]) -> dict[str, list[str]]:
    """Return texts, or pairs of texts, by column.

    Raises:
        ValueError: If one is not a text, or the task does not read pairs, or only pairs.
    """
    pairs = bool(len(texts)) and not isinstance(texts[0], str)
    for place, text in enumerate(texts):
        parts = text if pairs else (text,)
        if (
            isinstance(text, str) == pairs
            or not isinstance(parts, tuple | list)
            or len(parts) != 1 + pairs
            or not all(isinstance(part, str) for part in parts)
        ):
            wanted = "a pair of texts, as the first one" if pairs else "a text"
            raise ValueError(f"text {place + 1} of {len(texts):,} is not {wanted}: {text!r:.60}")
    kind, wants = type(task).__name__, reads_pairs(task)
    if wants and not pairs:
        raise ValueError(f"{kind} reads pairs of texts: give tuples of two")
    if pairs and (task.label_kind == "none" or task.vectors):
        raise ValueError(f"{kind} reads one text at a time, and these are pairs")
    if not pairs:
        return {"text": [str(text) for text in texts]}
    return {"text": [text[0] for text in texts], "pair": [text[1] for text in texts]}


def _tokenized(
    tokenizer: Any,
    firsts: Sequence[str],
    seconds: Sequence[str] | None,
    limit: int,
    characters: int | None,
) -> tuple[list[list[int]], list[list[int]] | None, list[bool]]:
    """Return ids, types, and whether the text was cut; no more than so many characters are read."""
    with_types = seconds is not None and "token_type_ids" in tokenizer.model_input_names

    def made(rows: Sequence[int], most: int) -> Any:
        return tokenizer(
            [firsts[row][:characters] for row in rows],
            None if seconds is None else [seconds[row][:characters] for row in rows],
            truncation=True,
            max_length=most,
            return_attention_mask=False,
            return_token_type_ids=with_types,
            verbose=False,
        )

    found = made(range(len(firsts)), limit + 1)  # one more, to see which rows are longer
    ids, types = found["input_ids"], found["token_type_ids"] if with_types else None
    truncated = [len(row) > limit for row in ids]

    def replace(rows: list[int], new_ids: Any, new_types: Any) -> None:
        for place, row in enumerate(rows):
            ids[row] = new_ids[place]
            if types is not None:
                types[row] = new_types[place]

    if over := [row for row, longer in enumerate(truncated) if longer]:
        short = made(over, limit)
        replace(over, short["input_ids"], short.get("token_type_ids"))
    # Few tokens of very many characters, such as a long run of letters that is one unknown word.
    sizes = [max(len(one), len(two)) for one, two in zip(firsts, seconds or firsts, strict=True)]
    unsure = [n for n, size in enumerate(sizes) if characters and size > characters]
    if unsure := [row for row in unsure if not truncated[row]]:
        part = None if seconds is None else [seconds[row] for row in unsure]
        whole = _tokenized(tokenizer, [firsts[row] for row in unsure], part, limit, None)
        replace(unsure, whole[0], whole[1])
        for row, longer in zip(unsure, whole[2], strict=True):
            truncated[row] = longer
    return ids, types, truncated
