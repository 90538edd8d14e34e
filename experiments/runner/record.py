"""Records the end of a run: result.json, the tracked record, and the last screen."""

import json
from typing import Any

from experiments.common import files
from experiments.common.redaction import redact
from experiments.common.runs import read_origins
from experiments.reporting import run_curves
from experiments.runner import ending, held_out, predictions, profiling
from experiments.runner.run import Run
from experiments.runner.summary import closing
from experiments.tracking import artifacts, provenance
from experiments.tracking.locations import address, where


def best(run: Run) -> dict[str, Any]:
    """Metric, value, epoch and step of the validation that chose the weights; empty without one."""
    keeper = run.best
    if keeper.best_model_score is None:
        return {}
    value = float(keeper.best_model_score)
    return {"metric": keeper.monitor, "mode": keeper.mode, "value": value, **keeper.place}


def conclude(run: Run, metrics: dict[str, float], notes: list[str]) -> None:
    """Writes result.json, closes the run as finished, and prints the last screen."""
    costs, chosen = _costs(run), best(run)
    if not run.earlier:
        _draw(run, chosen)
    file = run.folder / "result.json"
    model = run.outputs.get("model") or run.inputs["backbone"]
    name = f"{run.title}-evaluation"
    run.outputs["evaluation"] = provenance.evaluation(name, metrics, model, run.data, file)
    searches = run.folder / "search.json"
    result = {
        "name": run.name,
        "held_out": run.config["hold_out_test"],
        "metrics": metrics,
        "metric_facts": run.metric_facts,
        "meaning": run.meaning,
        "before": predictions.before(run),
        "best": chosen,
        "ended": run.ended,
        "warnings": run.warnings,
        "left_out": ending.left_out(run),
        "notes": run.datamodule.notes(),
        "report": run.report,
        "found": json.loads(searches.read_text(encoding="utf-8")) if searches.is_file() else {},
        "compiled": {"shapes": len(run.compiled.shapes), "reason": run.compiled.reason},
        "profiles": [
            str(path.relative_to(run.folder) if path.is_relative_to(run.folder) else path)
            for path in profiling.reports(run.trainer)
        ],
        "config": redact(run.config),
        "origins": read_origins(run.folder),
        "data": redact(run.data),
        "inputs": redact(run.inputs),
        "outputs": redact(provenance.for_config(run.outputs)),
        **costs,
        "git_commit": run.commit,
        "wandb": address(run.logger),
    }
    result |= held_out.kept(run.earlier)
    files.write_json(file, result)
    artifacts.declare(run.logger, {}, run.outputs)
    shown = where(run.logger)
    tested = {k: v for k, v in metrics.items() if k.startswith("test/")}  # val/ has its best
    spent = {name: result[name] for name in costs}  # of the training, also after a later test
    run.close("finished", **tested, **spent)
    print(closing(run, result, notes, shown), flush=True)


def _draw(run: Run, chosen: dict[str, Any]) -> None:
    """Draws the curves of the run, with the validation before the first step if there was one."""
    validation = {name: list(curve) for name, curve in run.curves.validation.items()}
    for name, value in predictions.before(run).items():
        validation[name] = [(0, value), *validation.get(name, [])]
    file = run.folder / run_curves.FILE
    known = run.curves.training, validation, run.model.monitor, chosen, file
    run_curves.draw(*known, run.metric_facts)


def _costs(run: Run) -> dict[str, Any]:
    """The costs of the run: parameters, time, speed, memory and checkpoint size."""
    costs = run.throughput.summary()
    first = costs.pop("first_batch_at")
    kept = [file for file in (run.last.with_name("best.ckpt"), run.last) if file.is_file()]
    costs["mfu"] = run.mfu.mfu()
    costs["checkpoint_bytes"] = kept[0].stat().st_size if kept else 0
    costs["seconds"] = round(run.throughput.elapsed(), 1)
    costs["seconds_to_first_step"] = first and round(first, 1)
    return costs
