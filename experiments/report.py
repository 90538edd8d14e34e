"""What a run says on the screen: at the start what it is, at the end what came of it."""

import math
from typing import Any


def plain(parsed: Any) -> Any:
    """The parsed config with the names that flags have: model.rank, not model.init_args.rank."""
    if isinstance(parsed, dict):
        if "class_path" in parsed:
            inner = plain(parsed.get("init_args") or {})
            return {"class": parsed["class_path"].rsplit(".", 1)[-1], **inner}
        return {key: plain(value) for key, value in parsed.items()}
    return [plain(value) for value in parsed] if isinstance(parsed, list) else parsed


def opening(run, model, tracking_line: str) -> str:
    """Data, model and record in a few lines, with a banner for all that the user should know."""
    rows = ", ".join(f"{count:,} {name}" for name, count in run.data["rows"].items())
    trained = sum(p.numel() for p in model.parameters() if p.requires_grad)
    total = sum(p.numel() for p in model.parameters())
    notes = [f"note   {note}" for note in run.datamodule.notes()]
    return "\n".join(
        [
            *notes,
            f"data   {run.data['source']}: {run.data['origin']} ({rows})",
            f"model  {type(model).__name__} on {model.hparams['backbone']}: {trained:,} of "
            f"{total:,} parameters train; {run.config['trainer']['precision']}",
            f"run    {run.folder}; {tracking_line}",
        ]
    )


def closing(run, result: dict[str, Any], where: str) -> str:
    """The last table and where everything lies."""
    metrics, sizes = result["metrics"], result["parameters"]
    rows = run.data["rows"][run.data["test_split"]]
    lines = []
    for name, value in sorted(metrics.items(), reverse=True):
        if name == "test/accuracy":  # a binomial's standard error over the test rows
            error = math.sqrt(value * (1 - value) / rows)
            lines.append((name, f"{value:.4f} ± {error:.4f} ({rows:,} rows)"))
        else:
            lines.append((name, f"{value:.4f}"))
    share = 100 * sizes["trainable"] / sizes["total"]
    lines += [
        ("trained", f"{sizes['trainable']:,} of {sizes['total']:,} parameters ({share:.1f} %)"),
        ("speed", f"{result['tokens_per_second']:,.0f} tokens/s"),
        ("time", f"{result['seconds']:.0f} s, of which training {result['training_seconds']:.0f} s"),
        ("memory", f"{result['peak_memory_bytes'] / 2**30:.2f} GiB at the peak"),
    ]
    width = max(len(name) for name, _ in lines)
    table = [f"  {name.ljust(width)}  {value}" for name, value in lines]
    if run.data["test_split"] != "test":
        table.append("  No labelled test rows: test/* is of the validation rows, which also chose")
        table.append("  the checkpoint, as is usual on GLUE.")
    heading = f"{run.name}: best of epoch checkpoints on {run.data['origin']}"
    files = f"done   {run.folder} (result.json, config.yaml, checkpoints/, export/)"
    return "\n".join(["", heading, *table, "", files, where])
