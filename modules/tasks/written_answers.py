"""What a task that writes answers to questions takes from data, and how answers are scored."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import torch
from torch import Tensor
from torchmetrics import Metric, MetricCollection

from datamodules.answers import agreement, normalized
from modules.notices import note
from modules.tasks import token_sums, writing


def prompt_description(task: Any) -> str:
    """Return the prompt around a question, for people to read."""
    asked = task.encoding
    return repr("\n\n".join(filter(None, (asked.instruction, asked.template.source))))


def check_columns(task: Any, columns: list[str]) -> None:
    """Refuse rows without questions, contexts and answers."""
    if not {"pair", "answers"} <= set(columns):
        raise ValueError(
            f"--model.task {type(task).__name__}: reads questions with their contexts and answers; "
            f"give --data QuestionFiles --data.source PATH"
        )


def target(task: Any, answers: Sequence[str]) -> str:
    """Return the text to write: the first right answer, or that there is none."""
    return answers[0] if answers else task.no_answer


def read_data(task: Any, data: Any) -> None:
    """Draw the solved questions of train, and tell how many contexts are shortened."""
    encoding, columns = task.encoding, data.texts_of("train")
    rows = encoding.of_texts(columns)
    encoding.draw(rows, [target(task, answers) for answers in columns["answers"]])
    for split in data.dataset.splits:
        columns = data.texts_of(split)
        unique = {(r["question"], r["context"]): r for r in encoding.of_texts(columns)}.values()
        room = task.decoding.max_new_tokens
        # A token has at least one byte, so most prompts need not be encoded to know that they fit.
        spare = encoding.most_tokens - room - encoding.overhead - tokens_before(task)
        longer = [row for row in unique if len("".join(row.values()).encode()) > spare]
        cut = sum(encoding.sources(longer, room)[1])
        if cut:
            note(
                f"{cut:,} of {len(unique):,} contexts of {split} are shortened from their ends to "
                f"fit into the {encoding.most_tokens:,} tokens that the backbone reads"
            )


def tokens_before(task: Any) -> int:
    """Return the tokens of the longest solved questions before a prompt."""
    asked = task.encoding
    texts = [asked.template.render(row).fill(answer) + "\n\n" for row, answer in asked.solved]
    if not texts:
        return 0
    ids = asked.tokenizer(texts, add_special_tokens=False, verbose=False)["input_ids"]
    return sum(sorted(map(len, ids))[-asked.shots :])


def _first_windows(batch: Mapping[str, Any]) -> list[bool]:
    """Tell for each row whether it is the first window of its question."""
    found = []
    for offsets_T2, context in zip(batch["offsets"], batch["columns"]["pair"], strict=True):
        starts = offsets_T2[offsets_T2[:, 0] >= 0, 0].tolist()
        found.append(not starts or starts[0] <= len(context) - len(context.lstrip()))
    return found


def prepare(task: Any, batch: Any, training: bool) -> Any:
    """Return a batch of the questions' prompts with their answers.

    Each question is asked once: a later window of its context has no answer to write, and is left
    out where the batch has other rows.
    """
    columns = batch["columns"]
    if "offsets" in batch:
        task.encoding.check_drawn()
        first = _first_windows(batch)
    else:  # the two texts on which a network is tried when it is built
        columns = {"answers": [[text] for text in columns["text"]], **columns}
        first = [True] * len(columns["text"])
    kept = [place for place, is_first in enumerate(first) if is_first] or [0]
    columns = {name: [values[place] for place in kept] for name, values in columns.items()}
    rows = task.encoding.of_texts(columns)
    texts = [
        target(task, answers) if first[place] else None
        for place, answers in zip(kept, columns["answers"], strict=True)
    ]
    made = task.encoding.encode(rows, texts, batch["attention_mask"].device)
    held = {name: batch[name][kept] for name in ("index", "sources", "offsets") if name in batch}
    return {**held, **made, "columns": columns, "asked": [text is not None for text in texts]}


def evaluation(task: Any, model: Any, batch: Any, stage: Literal["val", "test"]) -> dict[str, Any]:
    """Write the answers of a batch.

    Returns:
        ``outputs``, "" where the text says that there is no answer, and ``references``, the right
        answers of each.
    """
    if stage not in task.stages:
        return {}
    columns = batch["columns"]
    rows = task.encoding.of_texts(columns)
    places = [place for place, asked in enumerate(batch["asked"]) if asked]
    said = writing.write(task, model, [rows[place] for place in places]) if places else []
    none = normalized(task.no_answer)
    # A model that goes on writes the next question in a new paragraph.
    lines = [text.strip().split("\n")[0].strip() for text in said]
    return {
        "outputs": ["" if normalized(text) == none else text for text in lines],
        "references": [columns["answers"][place] for place in places],
    }


def metrics(stage: Literal["train", "val", "test"], written: bool) -> MetricCollection:
    """Return perplexity and accuracy, and the scores of answers where they are written."""
    found = token_sums.token_metrics(stage)
    if written:
        found.add_metrics({"exact_match": WrittenScore("exact_match"), "f1": WrittenScore("f1")})
    return found


class WrittenScore(Metric):
    """Computes the mean exact match or F1 of answers, 0 to 1, as SQuAD's own script does.

    Args:
        score: exact_match or f1.
    """

    full_state_update = False
    total: Tensor
    count: Tensor

    def __init__(self, score: Literal["exact_match", "f1"]) -> None:
        super().__init__()
        self.place = ("exact_match", "f1").index(score)
        for name in ("total", "count"):
            self.add_state(name, torch.zeros((), dtype=torch.float64), dist_reduce_fx="sum")

    def update(
        self, sums: Any, labels: Any, outputs: Sequence[str], references: Sequence[Sequence[str]]
    ) -> None:
        """Add B answers, each with its right ones: none where there is no answer."""
        for said, right in zip(outputs, references, strict=True):
            self.total += agreement(said, right, unanswerable=not right)[self.place]
        self.count += len(outputs)

    def compute(self) -> Tensor:
        """Return the mean, a scalar; 0 without answers."""
        return (self.total / self.count.clamp(min=1)).float()
