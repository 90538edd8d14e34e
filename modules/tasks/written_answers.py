"""What a task that writes answers to questions takes from data, and how answers are scored."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import torch
from torch import Tensor
from torchmetrics import Metric, MetricCollection

from datamodules.answers import agreement, normalized
from modules.output_layer import run_at
from modules.tasks import token_sums, writing
from modules.tasks.question_prompts import Row

COLUMNS = ("question", "context")
BATCH_KEYS = ("attention_mask", "offsets", "sources", "columns")


def check_columns(task: Any, columns: list[str]) -> None:
    """Refuse rows without questions, contexts and answers."""
    if "choices" in columns:
        raise ValueError(
            f"--model.task.answers words: the questions bring choices, among which "
            f"{type(task).__name__} chooses with --model.task.answers choices"
        )
    if not {"pair", "answers"} <= set(columns):
        raise ValueError(
            f"--model.task {type(task).__name__}: reads questions with their contexts and answers; "
            f"give --data QuestionFiles --data.source PATH"
        )


def target(task: Any, answers: Sequence[str]) -> str:
    """Return the text to write: the first right answer, or that there is none."""
    return answers[0] if answers else task.no_answer


def solved(task: Any, columns: Mapping[str, Sequence[Any]]) -> tuple[list[Row], list[str]]:
    """Return the rows of training columns, and the answer to each."""
    answers = [target(task, answers) for answers in columns["answers"]]
    return task.encoding.of_texts(columns), answers


def reserve(task: Any, row: Row) -> int:
    """Return the tokens that the answer to a row may take."""
    return task.decoding.max_new_tokens


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


def logits(task: Any, model: Any, batch: Any) -> Tensor:
    """Return the sums over the answers' tokens, (2,), of :func:`token_sums.token_sums`."""
    inputs, labels_BT = writing.inputs(model, batch), batch["labels"]
    there_T = (labels_BT != token_sums.IGNORED).any(0)
    if task.prefix_cache is None or not there_T.any():
        return token_sums.token_sums(model, inputs, labels_BT)
    first = int(there_T.nonzero()[0])
    inputs = task.prefix_cache.inputs(model, batch, first) or inputs
    labels_BT = labels_BT[:, -inputs["input_ids"].shape[1] :]
    there_BT = labels_BT != token_sums.IGNORED
    total, right = run_at(model, there_BT, **inputs).nll(labels_BT[there_BT])
    return torch.stack([total, right.to(total.dtype)])


loss, num_targets = token_sums.mean_loss, token_sums.num_tokens


def metrics(task: Any, stage: Literal["train", "val", "test"]) -> MetricCollection:
    """Return perplexity and accuracy, and the scores of answers where they are written."""
    found = token_sums.token_metrics(stage)
    if stage in task.stages:
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
