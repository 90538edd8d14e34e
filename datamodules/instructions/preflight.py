"""A check of the tokens to learn before the first step, and a table of them."""

from datamodules import text_tables
from datamodules.instructions.rows import ConversationRows

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
                else "learned: the template marks none"
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


def table(splits: dict[str, ConversationRows]) -> str:
    """Make a table of rows and learned tokens, a line for each split."""
    heads = ("records", "rows", "tokens", "learned", "learn nothing", "cut", "cut, end learned")
    lines = [("", *heads)]
    for name, rows in splits.items():
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
        lines.append((name, *cells))
    return text_tables.columns(lines)


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
