"""Keeps the predictions of a run in its folder, and measures them for its record."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from lightning.pytorch import Trainer

from callbacks import Predictions
from experiments.common import files
from experiments.reporting.predicted import measures, pictures, table
from experiments.reporting.predicted.table import Predicted

CONFUSION = "confusion.png"


class Parts(Protocol):
    """The parts of a run that its predictions need.

    Attributes:
        folder: The folder of the run.
        last: The newest checkpoint, beside which the files of the predictions so far lie.
        predictions: The callback that gathers the predictions.
        datamodule: The data module, whose data set has the texts.
        model: The module, whose task knows the labels.
        trainer: The trainer.
    """

    folder: Path
    last: Path
    predictions: Predictions
    datamodule: Any
    model: Any
    trainer: Any


def of_best(run: Parts) -> Path:
    """The file of the predictions of the best weights so far, which a resumed run goes on with."""
    return run.last.with_name("validation.parquet")


def keep_validation(run: Parts, trainer: Trainer) -> None:
    """Keeps the predictions of the validation that has just ended; every process must call it."""
    columns = run.predictions.validation(trainer)
    if columns is not None and trainer.is_global_zero and _texts(run) is not None:
        table.write(of_best(run), {"validation": _joined(run, columns, "validation")})


def keep_before(run: Parts, measured: Sequence[Mapping[str, float]]) -> None:
    """Keeps the metrics of the validation before the first step, also for a resumed run."""
    if run.trainer.is_global_zero:
        files.write_json(_before(run), dict(measured[0]) if measured else {})


def before(run: Parts) -> dict[str, float]:
    """The metrics of the validation before the first step; empty without one."""
    file = _before(run)
    return json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}


def _before(run: Parts) -> Path:
    return run.last.with_name("before.json")


def conclude(run: Parts) -> dict[str, Any]:
    """Writes the predictions of validation and test as one file; returns their measures by split.

    Both are those of the weights that the run ends with. A run whose rows have no labels of their
    own has neither.
    """
    found: dict[str, Predicted] = {}
    kept = of_best(run)
    whole = run.folder / table.FILE
    if kept.is_file():
        found |= table.read(kept)
    elif whole.is_file():  # of a run that is tested later
        found |= table.read(whole)
    if run.predictions.test is not None and (dataset := _texts(run)) is not None:
        found["test"] = _joined(run, run.predictions.test, dataset.test_split)
    if found:
        table.write(whole, found)
    kept.unlink(missing_ok=True)
    tested = found.get("test", found.get("validation"))  # the test may be held out
    if tested is not None and tested.kind == "class" and len(tested):
        pictures.confusion(tested, run.folder / CONFUSION)
    labels = found and _texts(run).splits["train"].labels
    return {split: measures.measures(one, labels) for split, one in found.items()}


def _texts(run: Parts) -> Any:
    """The texts and labels of the run; None of a data module of another kind."""
    return getattr(run.datamodule, "dataset", None)


def _joined(run: Parts, columns: dict[str, Any], split: str) -> Predicted:
    dataset, names = _texts(run), list(getattr(run.model.task, "labels", None) or [])
    return table.of_columns(columns, run.model.task.label_kind, names, dataset.splits[split])
