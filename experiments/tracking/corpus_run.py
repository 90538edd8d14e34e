"""Records a corpus in W&B: funnel, samples of removed documents, inputs and outputs."""

from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from experiments.tracking import artifacts, provenance
from experiments.tracking.logger import address, finish, start_logger, where
from experiments.tracking.settings import Tracking

SAMPLES = 20  # of the removed documents of each rule


def log(folder: Path, manifest: dict[str, Any], tracking: Tracking) -> str:
    """Records a finished corpus; returns the lines that tell how to look at the record."""
    import wandb

    tracking.job_type = tracking.job_type or "corpus"
    facts = ("fingerprint", "origin", "splits", "tokenizer", "versions", "git_commit")
    corpus = provenance.of_corpus(folder)
    outputs = {"corpus": corpus, "tokenizer": provenance.of_tokenizer(folder / "tokenizer")}
    config = {**manifest["settings"], **{key: manifest[key] for key in facts}}
    config |= {
        "inputs": provenance.for_config(corpus["inputs"]),
        "outputs": provenance.for_config(outputs),
    }
    logger = start_logger(tracking, folder, manifest["run"], config, ["corpus"], resume=False)
    run = logger.experiment
    try:
        stages = manifest["funnel"]
        columns = list(stages[0])
        rows = [[stage[column] for column in columns] for stage in stages]
        samples = _samples(folder / "removed.parquet")
        run.log(
            {
                "funnel": wandb.Table(columns=columns, data=rows),
                "removed": wandb.Table(columns=list(samples[0]), data=[*samples[1:]]),
            }
        )
        artifacts.declare(logger, corpus["inputs"], outputs)
        counts = {f"removed/{rule}": count for rule, count in manifest["removed"].items()}
        kept = {f"{split}/{k}": v for split, c in manifest["splits"].items() for k, v in c.items()}
        spent = {f"seconds/{stage}": n for stage, n in manifest["seconds"]["stages"].items()}
        finish(logger, "finished", {**counts, **kept, **spent})
    except BaseException:
        finish(logger, "failed", {})
        raise
    return where(logger) if address(logger) else "W&B is disabled: nothing was tracked"


def _samples(file: Path) -> list[list[Any]]:
    """A header row, then the first removed documents of each rule."""
    seen: dict[str, int] = {}
    with pq.ParquetFile(file) as rows:
        found: list[list[Any]] = [rows.schema_arrow.names]
        for batch in rows.iter_batches():
            for row in batch.to_pylist():
                key = f"{row['stage']}/{row['rule']}"
                seen[key] = seen.get(key, 0) + 1
                if seen[key] <= SAMPLES:
                    found.append(list(row.values()))
    return found
