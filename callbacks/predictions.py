"""The predictions of a run on its validation and test rows, and a table of the worst."""

from collections.abc import Mapping
from typing import Any

import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from torch import Tensor

from callbacks.tables import log_table, of_all_processes

MOST_SCORES = 100  # classes of which each row's probabilities are kept
KINDS = ("class", "number", "several")
Columns = dict[str, Tensor]


class Predictions(Callback):
    """Keeps the predictions of a test and of a validation, and logs a table of the worst tested.

    They are made of the logits that the metrics saw: no row is predicted twice. Rows without a
    label of their own, as a language model's, are not kept. In the table the most confident
    mistakes come first, or the largest errors.

    Args:
        rows: Number of rows of the table.

    Attributes:
        test: The columns of :func:`columns_of` for the tested rows, with ``index``, their places in
            the split; None before a test.
    """

    def __init__(self, rows: int = 50) -> None:
        self.rows = rows
        self.test: Columns | None = None
        self._parts: dict[str, list[Columns]] = {"test": [], "validation": []}

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._parts["validation"] = []

    def on_validation_batch_end(self, trainer: Trainer, *args: Any, **kwargs: Any) -> None:
        if not trainer.sanity_checking:
            self._add("validation", *args, **kwargs)

    def on_test_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._parts["test"] = []

    def on_test_batch_end(self, trainer: Trainer, *args: Any, **kwargs: Any) -> None:
        self._add("test", *args, **kwargs)

    def _add(
        self,
        stage: str,
        pl_module: LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        task = getattr(pl_module, "task", None)
        kind = None if getattr(task, "vectors", False) else getattr(task, "label_kind", None)
        known = isinstance(batch, Mapping) and "labels" in batch and "index" in batch
        if kind in KINDS and known and dataloader_idx == 0:
            columns = columns_of(kind, batch["labels"], outputs["logits"])
            found = {"index": batch["index"], **columns}
            self._parts[stage].append({name: part.cpu() for name, part in found.items()})

    def validation(self, trainer: Trainer) -> Columns | None:
        """Return the columns of the last validation's rows; every process must call it."""
        return _joined(trainer, self._parts["validation"])

    def on_test_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self.test = _joined(trainer, self._parts["test"])
        self._parts["test"] = []
        if self.test is not None:
            self._log_worst(trainer, self.test)

    def _log_worst(self, trainer: Trainer, found: Columns) -> None:
        data = getattr(trainer, "datamodule", None)
        if data is None or not hasattr(data, "dataset"):  # no texts to show
            return
        columns, how_bad, cells = _table(found, data.label_names)
        split, table = data.dataset.splits[data.dataset.test_split], []
        for at in how_bad.argsort(descending=True, stable=True)[: self.rows].tolist():
            row = int(found["index"][at])
            text = split.texts[row]
            if split.pairs is not None:
                text = f"{text} ‖ {split.pairs[row]}"
            table.append([text, *cells(at)])
        log_table(trainer, "test/predictions", ["text", *columns], table)


def columns_of(kind: str, labels: Tensor, logits: Tensor) -> Columns:
    """Return the predictions of B rows as columns.

    Args:
        kind: class, number or several.
        labels: (B,) int64 classes, (B,) float32 numbers, or (B, labels) int64 of 0 and 1.
        logits: (B, classes), (B,) numbers, or (B, labels).

    Returns:
        ``label`` and ``prediction`` as ``labels`` are, of several labels as bool, and ``loss``,
        (B,), without weights or smoothing. But for numbers also ``confidence``, (B,), the
        probability of the prediction, of several labels that of the least sure; and
        ``probabilities``, (B, classes), for up to 100 of them. For classes also ``margin``, (B,),
        the probability of the prediction less that of the next class.
    """
    logits, losses = logits.detach().float(), torch.nn.functional
    if kind == "number":
        error = losses.mse_loss(logits, labels.float(), reduction="none")
        return {"label": labels, "prediction": logits, "loss": error}
    if kind == "several":
        probabilities, guesses = logits.sigmoid(), logits > 0
        error = losses.binary_cross_entropy_with_logits(logits, labels.float(), reduction="none")
        found = {"label": labels.bool(), "prediction": guesses, "loss": error.mean(1)}
        found["confidence"] = torch.where(guesses, probabilities, 1 - probabilities).amin(1)
    else:
        probabilities = logits.softmax(-1)
        guesses = logits.argmax(-1)
        loss = losses.cross_entropy(logits, labels, reduction="none")
        found = {"label": labels, "prediction": guesses, "loss": loss}
        found["confidence"] = probabilities.gather(1, guesses[:, None])[:, 0]
        others = probabilities.scatter(1, guesses[:, None], 0.0).amax(1)
        found["margin"] = found["confidence"] - others
    return found | ({"probabilities": probabilities} if logits.shape[1] <= MOST_SCORES else {})


def _joined(trainer: Trainer, parts: list[Columns]) -> Columns | None:
    """Return the columns of all processes, by the places of the rows; None without rows."""
    if not (parts := of_all_processes(trainer, parts)):
        return None
    found = {name: torch.cat([part[name] for part in parts]) for name in parts[0]}
    order = found["index"].argsort(stable=True)
    return {name: column[order] for name, column in found.items()}


def _table(found: Columns, names: list[str]) -> tuple[list[str], Tensor, Any]:
    """Return the columns, the badness of each row, (N,), and a function for a row's cells."""
    labels, guesses = found["label"], found["prediction"]
    if "confidence" not in found:
        errors = (guesses - labels).abs()
        columns = ["label", "prediction", "error"]
        values = (labels, guesses, errors)
        return columns, errors, lambda at: [round(float(value[at]), 4) for value in values]
    if labels.ndim == 2:

        def named(row: Tensor) -> str:
            return ", ".join(names[number] for number in row.nonzero()[:, 0].tolist())

        columns = ["labels", "predictions", "correct"]
        return (
            columns,
            found["loss"],
            lambda at: [
                named(labels[at]),
                named(guesses[at]),
                bool((labels[at] == guesses[at]).all()),
            ],
        )
    confidence, wrong = found["confidence"], labels != guesses
    columns = ["label", "prediction", "confidence", "correct"]
    return (
        columns,
        wrong * 2 + confidence,
        lambda at: [
            names[int(labels[at])],
            names[int(guesses[at])],
            round(float(confidence[at]), 4),
            not wrong[at],
        ],
    )
