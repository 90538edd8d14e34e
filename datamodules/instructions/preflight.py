"""A check of the tokens to learn before the first step, and a table of them."""

from collections.abc import Iterable, Mapping, Sequence

from datamodules import text_tables, unknown
from datamodules.instructions.conversations import Conversation, fields_of, responses
from datamodules.instructions.rendering import unwritten
from datamodules.instructions.rows import ConversationRows
from datamodules.instructions.sources import ConversationSplits

_LEARNED, _PLAIN = "\033[32m", "\033[0m"


def check(train: ConversationRows) -> None:
    """Stop a run in which no token is learned, or none that ends a response.

    Raises:
        ValueError: With the reason.
    """
    if not train.supervised.any():
        truncated = int(train.truncated.sum())
        raise ValueError(
            f"--data.max_length: no token of {len(train.sizes):,} training records would be "
            + (
                f"learned; {truncated:,} were cut before their response ended"
                if truncated
                else "learned: the template marks none, or all responses have a weight of 0"
            )
        )
    if not train.ended.any():
        why = (
            "all were cut before it; a larger --data.max_length"
            if train.truncated.all()
            else "the template has none, or not among what is learned; see --data.template"
        )
        raise ValueError(
            f"--data.template: no token that ends a response would be learned, and the model would "
            f"not know when to stop: {why}"
        )


def notes(tokenizer, conversations: Iterable[Conversation]) -> list[str]:
    """Say which names of messages the chat template leaves out; it may, as few write them."""
    found: dict[str, bool] = {}
    for conversation in conversations:
        roles = {m.role for m in conversation if m.fields and "name" in fields_of(m)}
        if not roles <= found.keys():
            dropped = {n for n, key in unwritten(tokenizer, conversation) if key == "name"}
            for number, message in enumerate(conversation, 1):
                if message.role in roles:
                    found.setdefault(message.role, number in dropped)
    named = " and ".join(role for role, dropped in found.items() if dropped)
    return [f"the chat template does not write `name` of messages of {named}"] if named else []


def warnings(tokenizer, name: str, splits: Mapping[str, Sequence[Conversation]]) -> list[str]:
    """Say how much of a sample of the conversations the tokenizer does not know."""
    texts: dict[str, list[str]] = {}
    for split, found in splits.items():
        places = range(0, len(found), max(1, len(found) // unknown.TEXTS))
        texts[split] = [" ".join(message.content for message in found[n]) for n in places]
    return unknown.lines_of(tokenizer, name, texts)


def table(rows_of: dict[str, ConversationRows], loaded: ConversationSplits) -> str:
    """Make a table of records, rows and learned tokens, a line for each split.

    The records that were left out stand in the line of the file's split. Columns beyond the first
    eight are there where they say something.
    """
    heads = ("records", "rows", "tokens", "learned", "learn nothing", "cut", "cut, end learned")
    columns = [("", *rows_of), *((head,) for head in heads)]
    for rows in rows_of.values():
        learned = rows.supervised_counts
        cells = (
            f"{len(rows.sizes):,}",
            f"{len(rows):,}",
            f"{len(rows.ids):,}",
            f"{100 * learned.sum() / max(1, len(rows.ids)):.1f} %",
            f"{(learned == 0).sum():,}",
            f"{int(rows.truncated.sum()):,}",
            f"{int((rows.truncated & rows.ended).sum()):,}",
        )
        columns[1:] = [(*column, cell) for column, cell in zip(columns[1:], cells, strict=True)]
    splits, readings = [loaded.splits[name] for name in rows_of], loaded.readings
    more = {
        "responses": [sum(len(responses(c)) for c in split) for split in splits],
        "with system": [sum(c[0].role == "system" for c in split) for split in splits],
        "left out": [len(readings[n].table.left_out) if n in readings else 0 for n in rows_of],
    }
    usual = {"responses": [len(split) for split in splits]}
    for head, counts in more.items():
        if counts != usual.get(head, [0] * len(counts)):
            columns.append((head, *(f"{count:,}" for count in counts)))
    return text_tables.columns(list(zip(*columns, strict=True)), right=range(1, len(columns)))


def sample(rows: ConversationRows, tokenizer, colour: bool) -> str:
    """Show the first whole record as the model sees it, with the learned tokens marked.

    The mark is a colour, or « and » without colour.
    """
    whole = (~rows.truncated & rows.ended).nonzero()[:, 0].tolist() or [0]
    ids, supervised = rows.tokens(whole[0])
    begin, end = (_LEARNED, _PLAIN) if colour else ("«", "»")
    parts, at = [], 0
    changes = (supervised[1:] != supervised[:-1]).nonzero()[:, 0] + 1
    for stop in [*changes.tolist(), len(ids)]:
        text = tokenizer.decode(ids[at:stop], clean_up_tokenization_spaces=False)
        parts.append(f"{begin}{text}{end}" if supervised[at] else text)
        at = stop
    return "".join(parts)
