"""The solved training questions of a task that asks in prompts, and the prompts that are cut."""

from typing import Any

from modules.notices import note
from modules.tasks.question_prompts import QuestionPrompts, distinct


def read_data(task: Any, data: Any) -> None:
    """Draw the solved questions of train, and tell how many contexts are shortened.

    Raises:
        ValueError: If there are too few questions, or a prompt does not fit without its context;
            the message names the file and the row.
    """
    encoding = task.encoding
    task.check_columns(list(data.texts_of("train")))
    if not (encoding.given or encoding.selector):
        encoding.draw(*task.form.solved(task, data.texts_of("train")), data.origin)
    for split in data.dataset.splits:
        if split != "train" or task.prefix_cache is None:  # it trains on the rows
            _note_shortened(task, data, split)


def _note_shortened(task: Any, data: Any, split: str) -> None:
    encoding, cut = task.encoding, 0
    rows, _ = task.form.solved(task, data.texts_of(split))
    before = max(tokens_before(encoding), encoding.selected_tokens)
    places = distinct(rows)
    for place in places:
        room = encoding.most_tokens - task.form.reserve(task, row := rows[place])
        # A token has at least one byte, so most prompts need not be encoded to know that they fit.
        if len("".join(map(str, row.values())).encode()) <= room - encoding.overhead - before:
            continue
        try:
            cut += encoding.fitted(row, room, *encoding.before([row]))[-1]
        except ValueError as error:
            part = data.dataset.splits[split]
            raise ValueError(f"{part.where(row['question'], row['context'])}: {error}") from None
    if cut:
        note(
            f"{cut:,} of {len(places):,} contexts of {split} are shortened from their ends to "
            f"fit into the {encoding.most_tokens:,} tokens that the backbone reads"
        )


def tokens_before(encoding: QuestionPrompts) -> int:
    """Return the tokens of the longest solved questions before a prompt."""
    texts = [encoding.demonstration(*one) for one in encoding.solved]
    if not texts:
        return 0
    ids = encoding.tokenizer(texts, add_special_tokens=False, verbose=False)["input_ids"]
    return sum(sorted(map(len, ids))[-encoding.shots :])


def least_room(task: Any, data: Any) -> int:
    """Return the tokens of the longest question without its context, and of its answer."""
    found = 0
    for split in data.dataset.splits:
        rows, _ = task.form.solved(task, data.texts_of(split))
        bare = [{**row, "context": ""} for row in rows]
        longest = max(bare, key=lambda row: len("".join(map(str, row.values()))))
        reserve = max(task.form.reserve(task, row) for row in rows)
        found = max(found, len(task.encoding.ids(longest)) + reserve)
    return found
