"""Runs the Trainer: trains, tests the best weights and exports them, or only tests."""

from typing import Any

from callbacks import LastCheckpoint
from experiments.common import signals
from experiments.common.exits import TimeLimitError
from experiments.runner import ending, predictions, record
from experiments.runner.card_facts import card_facts
from experiments.runner.checkpoints import one_line_if_unreadable
from experiments.runner.run import Run
from experiments.tracking import provenance
from modules.exporting import export
from modules.merging import is_ordinary, merge


def train(run: Run) -> None:
    """Trains or resumes training, then tests and exports the best weights and records the run.

    Raises:
        KeyboardInterrupt: If the training was interrupted.
        TimeLimitError: If a time limit cut the training short.
    """
    trainer, model, notes = run.trainer, run.model, []
    checkpoint = run.last if run.last.exists() else None
    if run.earlier:
        trainer.limit_train_batches = 0  # the training is over: fit only reads its state
    with signals.saved_first(any(isinstance(c, LastCheckpoint) for c in trainer.callbacks)):
        if run.config["validate_before"] and checkpoint is None and not run.earlier:
            predictions.keep_before(run, trainer.validate(model, run.datamodule, verbose=False))
        trainer.fit(model, run.datamodule, ckpt_path=checkpoint, weights_only=True)
        if trainer.interrupted:
            raise KeyboardInterrupt
    if not run.earlier and (timer := ending.expired(trainer)):
        if run.config["trainer"]["max_time"]:
            longer = ending.as_flag(2 * ending.limit_of(timer))
            run.resume_flags = ("--trainer.max_time", longer)
        raise TimeLimitError(ending.time_limit(trainer, timer))
    run.ended = run.earlier.get("ended") or ending.why_ended(trainer)
    best = run.last.with_name("best.ckpt")
    if best.exists():
        with one_line_if_unreadable(best):
            model = type(model).load_from_checkpoint(best, map_location="cpu", weights_only=True)
    else:
        kind = "last" if trainer.global_step else "first"
        notes.append(f"no validation chose a checkpoint: these are the {kind} weights")
    measure = trainer.test if model.final_split == "test" else trainer.validate
    held = run.config["hold_out_test"]
    metrics = {} if held else _first(measure(model, run.datamodule, verbose=False))
    if not (metrics or held):
        notes.append(_unmeasured(run))
    if run.best.best_model_score is not None:
        metrics[run.best.monitor] = float(run.best.best_model_score)
        metrics |= run.best.measured
    if not metrics and (curve := run.curves.training):  # better than no figure at all
        metrics["train/loss"] = curve[-1][1]
    if trainer.is_global_zero:
        run.report = predictions.conclude(run)
        run.outputs["model"] = _export(run, model, card_facts(run, metrics), notes)
        record.conclude(run, metrics, notes)


def _unmeasured(run: Run) -> str:
    """The reason for which no figure was measured at the end."""
    split = run.data["test_split"] if run.model.final_split == "test" else "validation"
    if not run.data["rows"].get(split):
        return (
            f"nothing was measured: the data have no {split} rows; train/loss is of the last steps"
        )
    return f"nothing was tested: --trainer.limit_{run.model.final_split}_batches is 0"


def _export(run: Run, model: Any, facts: dict[str, Any], notes: list[str]) -> provenance.Node:
    """Writes what ``--export`` asks for, and returns the node of ``export/``.

    What turns out not to merge is exported as it is, with a note: the training is not lost.
    """
    form, folder = run.config.get("export", "adapter"), run.folder / "export"
    made = {"run": run.folder.name, "commit": run.commit, "inputs": run.inputs}
    if form == "merged":
        try:
            merge(model, folder, facts)
            return provenance.write_lineage(folder, run.title, made)
        except ValueError as error:
            notes.append(f"not merged, and exported as it is: {error}")
    export(model, folder, facts)
    if form == "both" and is_ordinary(model):
        notes.append("merged/ is left out: nothing is to be merged, and export/ is ordinary")
    elif form == "both":
        try:
            merge(model, run.folder / "merged", facts)
            provenance.write_lineage(run.folder / "merged", f"{run.title}-merged", made)
        except ValueError as error:
            notes.append(f"not merged: {error}")
    return provenance.write_lineage(folder, run.title, made)


def evaluate(run: Run) -> None:
    """Tests and validates a module that does not train, and records the run."""
    shown: dict[str, float] = {}
    tests = [] if run.config["hold_out_test"] else [run.trainer.test]
    for measure in (*tests, run.trainer.validate):
        shown |= _first(measure(run.model, run.datamodule, verbose=False))
    chosen = {name: value for name, value in shown.items() if name.startswith("test/")}
    if run.model.monitor in shown:  # the first of its kind is the one that chooses
        chosen[run.model.monitor] = shown[run.model.monitor]
    chosen |= {name: value for name, value in shown.items() if name.startswith("val/")}
    predictions.keep_validation(run, run.trainer)
    if run.trainer.is_global_zero:
        run.report = predictions.conclude(run)
        run.last.parent.rmdir()
        record.conclude(run, chosen, [])


def _first(measured: list[Any]) -> dict[str, float]:
    """The metrics of the only data loader."""
    return dict((measured or [{}])[0])
