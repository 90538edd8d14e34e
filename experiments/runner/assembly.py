"""Builds the parts of a run from the parsed flags: data, module, callbacks, Trainer."""

from typing import Any

from lightning.pytorch.callbacks import (
    Callback,
    Checkpoint,
    GradientAccumulationScheduler,
    ProgressBar,
    SpikeDetection,
    WeightAveraging,
)
from lightning.pytorch.loggers import Logger

from experiments.common.exits import one_line
from experiments.runner import (
    checks,
    compilation,
    directions,
    held_out,
    lengths,
    profiling,
    searches,
    unread_flags,
    unusable,
)
from experiments.runner.averaging import AverageFollowsWeights
from experiments.runner.command_line import CommandLine
from experiments.runner.given_flags import listed
from experiments.runner.run import Run
from experiments.runner.summary import by_flag_names
from experiments.runner.trainer import AccumulationAfterResume, RunTrainer
from modules import merging


def assemble(line: CommandLine) -> tuple[Run, RunTrainer, list[Logger]]:
    """Builds the run, its Trainer, and the loggers that the user added.

    It writes nothing: a mistake in data, module or Trainer shows before there is a folder.

    Raises:
        ValueError: If the parts do not fit together; the message names the flag to change.
    """
    parser = line.parser
    chosen = {key: parser.chosen.get(key, line.classes[key]) for key in ("model", "data")}
    unread_flags.check(parser.given, chosen, by_flag_names(line.parsed), parser.links)
    found = searches.search(line)
    built = line.build()
    model, data = built.model, built.data
    line.notes += _follow_data(line, data, built.trainer)
    _check_export(line.parsed.get("export"), model)
    directions.choose(model, line.config.monitor)
    directions.check_modes(built.trainer["callbacks"], model, line.parser.given)
    if line.config.validate_before and not model.trains:
        raise ValueError(f"--validate_before: {type(model).__name__} trains nothing; leave it out")
    held_out.check(line.config.hold_out_test, model, built.trainer["callbacks"])
    run = Run(line.name, line.config, line.parsed, data, model, line.resumed)
    parts = {"model": model, "model.task": getattr(model, "task", None), "data": data}
    line.notes += unread_flags.check(parser.given, parts, run.config, parser.links)
    run.checkpointing.check(model)
    compilation.check_shapes(run.compiled, run.padding_free)
    run.padding_free.check(model)
    run.found, run.notes, run.origins = found, line.notes, line.origins
    settings = dict(built.trainer)
    for key in ("callbacks", "logger", "plugins"):
        settings[key] = listed(settings[key])
    unusable.check(settings, run.callbacks, model)
    loggers = [logger for logger in settings["logger"] if logger is not True]
    settings["logger"] = False  # the run's own comes when there is a folder to keep it in
    schedules = [c for c in settings["callbacks"] if isinstance(c, GradientAccumulationScheduler)]
    settings["callbacks"] += map(AccumulationAfterResume, schedules)
    averages = [c for c in settings["callbacks"] if isinstance(c, WeightAveraging)]
    settings["callbacks"] = [*map(AverageFollowsWeights, averages), *settings["callbacks"]]
    for callback in settings["callbacks"]:
        if isinstance(callback, SpikeDetection):
            callback.running = callback.running_mean  # its load_state_dict reads the wrong name
    settings["callbacks"] += _not_replaced(run.callbacks, settings)
    settings["plugins"] += [run.checkpoint_io]
    settings["default_root_dir"] = str(run.folder)
    settings["profiler"] = profiling.into(run.folder, settings["profiler"])
    try:
        trainer = RunTrainer(**settings)
    except Exception as error:  # Lightning's checks of its flags are of many types
        raise ValueError(f"{line.parser.blamed(str(error))}: {one_line(error)}") from error
    _check_precision(trainer, settings["precision"])
    if trainer.world_size == 1 and (reason := lengths.too_short(trainer, model, data)):
        raise ValueError(reason)
    run.notes += compilation.decide(run.compiled, trainer, model, data, run.data["rows"])
    if line.resumed is None:  # a run that goes on has said it before
        run.warnings = checks.warnings(trainer, model, data, run.config, run.data["rows"])
    return run, trainer, loggers


def _follow_data(line: CommandLine, data: Any, settings: Any) -> list[str]:
    """Sets the epochs by the data, if nobody has set a length; returns a note on it."""
    flags = {"trainer.max_epochs", "trainer.max_steps", "trainer.max_time"}
    set_before = {given.flag.removeprefix("--") for given in line.parser.given} | {*line.defaults}
    if line.resumed or flags & set_before or (epochs := data.suggested_epochs()) is None:
        return []
    for one in (settings, line.config["trainer"], line.parsed["trainer"]):
        one["max_epochs"] = epochs
    rows = data.facts()["rows"]["train"]
    line.origins["trainer.max_epochs"] = f"the number of records, {rows:,}"
    return [f"{epochs} epochs for {rows:,} records; --trainer.max_epochs sets another number"]


def _check_export(form: str | None, model: Any) -> None:
    """Refuses to merge at the end what cannot be merged."""
    if form in ("merged", "both") and (reason := merging.obstacle(model)):
        raise ValueError(f"--export {form}: {reason}")


def _check_precision(trainer: RunTrainer, given: Any) -> None:
    """Refuses a precision in whose place Lightning takes another one."""
    long = {"16": "16-mixed", "bf16": "bf16-mixed", "32": "32-true", "64": "64-true"}
    wanted, taken = long.get(str(given), given), trainer.precision
    if wanted is not None and wanted != taken:
        kind = type(trainer.accelerator).__name__.removesuffix("Accelerator")
        raise ValueError(f"--trainer.precision {given}: not on a {kind}; {taken} is possible there")


def _not_replaced(ours: list[Callback], settings: dict[str, Any]) -> list[Callback]:
    """Our callbacks, without those that flags or the user's own callbacks replace."""
    given = settings["callbacks"]
    replaced: list[type] = [
        kind for kind in unusable.REPLACEABLE if any(isinstance(c, kind) for c in given)
    ]
    if settings["enable_progress_bar"] is False:
        replaced.append(ProgressBar)
    if settings["enable_checkpointing"] is False:
        replaced.append(Checkpoint)
    return [callback for callback in ours if not isinstance(callback, tuple(replaced))]
