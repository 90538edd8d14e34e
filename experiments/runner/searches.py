"""Runs Lightning's finders before the run; the values they find become flags of the run."""

import contextlib
import io
import sys
import tempfile
from typing import Any

from lightning.pytorch import Trainer
from lightning.pytorch.callbacks import BatchSizeFinder, Callback, LearningRateFinder
from lightning.pytorch.utilities.seed import isolate_rng

from experiments.runner.command_line import CommandLine

_FINDERS = (BatchSizeFinder, LearningRateFinder)  # in this order: a rate fits a batch size
_UNSEEN = {  # a search is no run: it validates, logs and keeps nothing
    "logger": False,
    "enable_checkpointing": False,
    "enable_progress_bar": False,
    "enable_model_summary": False,
    "limit_val_batches": 0,
    "num_sanity_val_steps": 0,
    "val_check_interval": None,
    "check_val_every_n_epoch": 1,
    "profiler": None,
    "max_epochs": -1,
    "min_epochs": None,
    "min_steps": None,
    "max_time": None,
}


def search(line: CommandLine) -> dict[str, dict[str, Any]]:
    """Searches with each finder among the callbacks, and gives the run what it finds.

    A search trains parts of its own, which it throws away. The run is then the same as one with
    the found value on its command line: its flag is set, and the finder is no callback of the run.

    Returns:
        By the name of each finder its ``flag``, the ``value`` found, the ``tried`` values and, of
        rates, the ``loss`` of each; empty without finders.

    Raises:
        ValueError: If a search cannot be made, or finds nothing; the message names the finder.
    """
    found: dict[str, dict[str, Any]] = {}
    for kind in _FINDERS:
        if not (given := line.callbacks_of(kind)):
            continue
        lead = f"--trainer.callbacks {kind.__name__}"
        if len(given) > 1:
            raise ValueError(f"{lead}: given twice; one search is made")
        if line.resumed:
            raise ValueError(f"{lead}: a resumed run keeps its flags; begin a new run to search")
        if line.config["trainer"]["fast_dev_run"]:
            line.notes.append(f"{kind.__name__} searches nothing in --trainer.fast_dev_run")
        else:
            with isolate_rng():
                found[kind.__name__] = _search(line, kind, lead)
        line.remove_callbacks(kind)
    for one in found.values():
        if one["applied"]:
            line.settle(one["flag"], one["value"])
        else:
            line.notes.append(f"update_attr false keeps {one['flag']} {line.value_of(one['flag'])}")
    return found


def _search(line: CommandLine, kind: type[Callback], lead: str) -> dict[str, Any]:
    if not line.trains:
        name = line.parser.chosen["model"].__name__
        raise ValueError(f"{lead}: {name} does not train, so nothing is searched")
    built = line.build()
    model, data, settings = built.model, built.data, dict(built.trainer)
    given = settings["callbacks"]
    given = given if isinstance(given, list) else [given]
    (finder,) = [callback for callback in given if isinstance(callback, kind)]
    if type(finder).on_fit_start is not kind.on_fit_start:
        raise ValueError(
            f"{lead}: {type(finder).__name__} searches while the run trains, but learning rate and "
            f"batch size of a run are one value each"
        )
    finder._early_exit = True
    steps = getattr(finder, "_num_training_steps", 1)
    print(f"{kind.__name__}: searching", file=sys.stderr, flush=True)
    with tempfile.TemporaryDirectory() as folder, _without_bar():
        more = {"callbacks": [finder], "max_steps": steps, "default_root_dir": folder}
        trainer = Trainer(**{**settings, **_UNSEEN, **more})
        if trainer.world_size > 1:
            raise ValueError(
                f"{lead}: searches on one device; search with --trainer.devices 1, then give the "
                f"value that it finds"
            )
        if isinstance(finder, BatchSizeFinder):
            return _batch_size(trainer, model, data, finder, lead)
        assert isinstance(finder, LearningRateFinder)
        return _learning_rate(trainer, model, data, finder, lead)


def _learning_rate(
    trainer: Trainer, model: Any, data: Any, finder: LearningRateFinder, lead: str
) -> dict[str, Any]:
    if finder._attr_name not in ("", "learning_rate"):
        raise ValueError(f"{lead}.attr_name {finder._attr_name}: the rate is learning_rate")
    if trainer.accumulate_grad_batches != 1:
        raise ValueError(
            f"{lead}: reads the loss of one batch, which --trainer.accumulate_grad_batches weighs "
            f"by its rows; search without it, then give --model.learning_rate"
        )
    trainer.fit(model, data)
    curve = finder.optimal_lr
    value = curve.suggestion() if curve else None
    if curve is None or value is None:
        raise ValueError(
            f"{lead}: {finder._num_training_steps} steps found no rate: the loss of too few was "
            f"finite. Raise num_training_steps or lower max_lr, or give --model.learning_rate"
        )
    return {
        "flag": "--model.learning_rate",
        "value": value,
        "applied": finder._update_attr,
        "tried": curve.results["lr"],
        "loss": curve.results["loss"],
    }


def _batch_size(
    trainer: Trainer, model: Any, data: Any, finder: BatchSizeFinder, lead: str
) -> dict[str, Any]:
    if finder._batch_arg_name != "batch_size":
        raise ValueError(f"{lead}.batch_arg_name {finder._batch_arg_name}: only batch_size is one")
    data.batch_size = finder._init_val
    trainer.fit(model, data)
    value, rows = finder.optimal_batch_size, len(data._rows["train"])
    if not value or value >= rows:
        raise ValueError(
            f"{lead}: memory did not run out: all {rows:,} training rows fit into one batch, and "
            f"an epoch would be one step. Give --data.batch_size, or the finder a max_val"
        )
    return {"flag": "--data.batch_size", "value": value, "applied": True}


def _without_bar() -> contextlib.AbstractContextManager:
    """Hides the bar of a search, which would be redrawn in a file or a pipe."""
    bare = contextlib.nullcontext()
    return bare if sys.stderr.isatty() else contextlib.redirect_stderr(io.StringIO())
