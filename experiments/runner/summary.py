"""The screens of a run: its parts at the start, its results at the end."""

import math
import os
import re
import sys
import textwrap
from typing import Any

from callbacks.throughput import parameter_counts
from datamodules import text_tables
from experiments.reporting import run_curves
from experiments.reporting.intervals import of_share
from experiments.reporting.predicted import screen
from experiments.reporting.predicted.table import FILE
from experiments.runner import held_out


def by_flag_names(parsed: Any) -> Any:
    """The parsed config under the names of flags: model.rank, not model.init_args.rank."""
    if isinstance(parsed, dict):
        if "class_path" in parsed:
            inner = by_flag_names(parsed.get("init_args") or {})
            return {"class": re.split(r"[.:]", parsed["class_path"])[-1], **inner}
        return {key: by_flag_names(value) for key, value in parsed.items()}
    return [by_flag_names(value) for value in parsed] if isinstance(parsed, list) else parsed


def opening(run, notes: list[str], tracking_line: str) -> str:
    """The first screen: notes, then a line each on data, model, run and record."""
    rows = ", ".join(f"{count:,} {name}" for name, count in run.data["rows"].items())
    count, settings = parameter_counts(run.model), run.config["trainer"]
    return "\n".join(
        [
            *(f"note   {note}" for note in [*run.datamodule.notes(), *notes]),
            f"data   {run.data['source']}: {run.data['origin']} ({rows})",
            f"model  {type(run.model).__name__} on {run.model.origin}: "
            f"{count['trainable']:,} of {count['total']:,} parameters train, "
            f"precision {settings['precision']}",
            *([f"asks   {asked}"] if (asked := run.model.prompt_description()) else []),
            *(f"found  {found(name, one)}" for name, one in run.found.items()),
            f"run    {run.shown} ({run.name})",
            f"track  {tracking_line}",
        ]
    )


def found(finder: str, search: dict[str, Any]) -> str:
    """A search before the run in words: the flag, the value and the finder."""
    kept = "" if search["applied"] else ", not applied"
    return f"{search['flag']} {search['value']} by {finder}{kept}"


def colours() -> bool:
    """Tells whether to print in colour: on a terminal that has them, unless NO_COLOR is set."""
    plain = os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb"
    return sys.stdout.isatty() and not plain


def warned(lines: list[str], colour: bool) -> list[str]:
    """The warnings before training, in yellow on a terminal that has colours."""
    return [f"\033[33m{line}\033[0m" if colour else line for line in lines]


def closing(run, result: dict[str, Any], notes: list[str], where: str) -> str:
    """The last screen: metrics, costs, notes, and the paths of all files."""
    metrics, count = result["metrics"], result["parameters"]
    rows, settings = run.data["rows"][run.data["test_split"]], run.config["trainer"]
    # repr, because 1 is one batch and 1.0 is all of them
    limit = repr(settings["limit_test_batches"])
    whole = limit in ("None", "1.0") and not settings["fast_dev_run"]
    kind = getattr(getattr(run.model, "task", None), "label_kind", "")
    lines = []
    lost = [name for name, value in metrics.items() if not math.isfinite(value)]
    if lost:
        first = run.not_finite.metrics
        named = (f"{name} from step {first[name]} on" if name in first else name for name in lost)
        notes.append(f"not a finite number, so null in result.json: {', '.join(named)}")
    for name, value in sorted(metrics.items(), reverse=True):
        if name.startswith("val/") and name != run.model.monitor:
            continue  # in result.json
        if name in lost:
            lines.append((name, "not a number" if math.isnan(value) else str(value)))
        elif name == "test/accuracy" and whole and kind == "class":
            # Of the test rows; words and tokens are no rows.
            ends = of_share(value, rows)
            assert ends is not None
            said = f"95 % interval {ends[0]:.4f} to {ends[1]:.4f}, {rows:,} rows"
            lines.append((name, f"{value:.4f} ({said})"))
        else:
            lines.append((name, f"{value:.4f}"))
    held = result["held_out"]
    report = result["report"].get("validation" if held else "test", {})
    lines += [("baseline", said)] if (said := screen.baseline(report)) else []
    seconds, spent = result["seconds"], result["training_seconds"]
    work = "training" if count["trainable"] else "scoring"
    share = 100 * count["trainable"] / count["total"]
    trained = f"{count['trainable']:,} of {count['total']:,} parameters ({share:.1f} %)"
    untrained = run.model.trains and not run.trainer.global_step
    first = result["before"].get(run.model.monitor)
    spoken = (
        (
            "before",
            "" if first is None else f"{first:.4f} {run.model.monitor} before the first step",
        ),
        ("test", "held out; all figures are of the validation rows" if held else ""),
        ("best", screen.best(result["best"])),
        ("ended", run.ended),
        ("cut", screen.cut(run.data)),
        ("left out", text_tables.fitted(", ".join(result["left_out"]), 200)),
        ("confused", screen.confused(report)),
    )
    lines += [
        *((name, said) for name, said in spoken if said),
        *(("found", found(*search)) for search in result["found"].items()),
        *([] if untrained else [("trained", trained)]),
        ("speed", f"{result['tokens_per_second']:,.0f} tokens/s{_of_peak(result['mfu'])}"),
        ("time", f"{seconds:.0f} s, {work} {spent:.0f} s"),
        ("memory", f"{result['peak_memory_bytes'] / 2**30:.2f} GiB at the peak"),
    ]
    table = textwrap.indent(text_tables.columns(lines), "  ")
    if by_class := screen.classes(report):
        table += "\n\n" + textwrap.indent(by_class, "  ")
    notes += [note for note in run.datamodule.notes() if "left out" in note]
    if run.data["test_split"] != "test" and any(name.startswith("test/") for name in metrics):
        notes.append(
            "no labelled test rows: test/* is measured on the validation rows, as usual on GLUE"
        )
    weights = f"the {_chosen(run, result)} weights" if count["trainable"] else run.model.origin
    heading = f"{run.name}: {weights} on {run.data['origin']}"
    made = ", checkpoints/, export/" if count["trainable"] else ""
    made += f", {FILE}" * bool(result["report"])
    made += ", confusion.png" * (report.get("kind") == "class")
    made += f", {run_curves.FILE}" * (run.folder / run_curves.FILE).is_file()
    made += "".join(f", {name}" for name in result["profiles"])
    files = f"done   {run.shown} (result.json, config.yaml{made})"
    more = [f"test   {held_out.how_to_test(run.word)}"] if held else []
    noted = [f"  note: {note}" for note in notes]
    return "\n".join(["", heading, table, *noted, "", files, *more, where])


def _chosen(run, result: dict[str, Any]) -> str:
    """Which weights the run ends with, to stand before the word."""
    if not result["best"]:
        return "last" if run.trainer.global_step else "first"
    known = run.curves.validation.get(result["best"]["metric"], ())
    return "only validated" if len(known) == 1 else "best"


def _of_peak(mfu: float | None) -> str:
    return "" if mfu is None else f" ({100 * mfu:.0f} % of the device's peak)"
