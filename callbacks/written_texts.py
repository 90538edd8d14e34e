"""The texts that a test has written, beside their sources and references."""

import json
from pathlib import Path
from typing import Any

from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.utilities.rank_zero import rank_zero_only

from callbacks.tables import log_table, of_all_processes, shortened
from datamodules.whole_files import write_text

FILE = "outputs.jsonl"
COLUMNS = ["source", "reference", "output"]
SHOWN = 3  # texts on the last screen
_BASELINE_SCORES = ("chrf", "rougeL")


class WrittenTexts(Callback):
    """Keeps what a test writes: a table of the run, outputs.jsonl in its folder, and three texts.

    It also scores what takes no model, where the data module has ``baseline_outputs``: the copied
    source, its beginning, the target of the most similar training source. Without a task that
    writes texts it does nothing.

    Args:
        rows: Number of rows of the table.
    """

    def __init__(self, rows: int = 50) -> None:
        self.rows = rows
        self._parts: list[tuple[int, str, str, str]] = []

    def on_test_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._parts = []

    def on_test_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        if isinstance(outputs, dict) and "outputs" in outputs and "source" in batch["columns"]:
            columns = batch["columns"]["source"], outputs["references"], outputs["outputs"]
            self._parts += zip(batch["index"].tolist(), *columns, strict=True)

    def on_test_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        parts = of_all_processes(trainer, self._parts)
        if not parts:
            return
        by_row = {row: texts for row, *texts in parts}  # one that fills up a last batch comes twice
        held = [by_row[row] for row in sorted(by_row)]
        _score_baselines(trainer, pl_module, sorted(by_row))
        self._record(trainer, held)

    @rank_zero_only
    def _record(self, trainer: Trainer, held: list[list[str]]) -> None:
        log_table(trainer, "test/texts", COLUMNS, held[: self.rows])
        lines = (
            json.dumps(dict(zip(COLUMNS, row, strict=True)), ensure_ascii=False) for row in held
        )
        write_text(Path(trainer.default_root_dir) / FILE, "\n".join(lines) + "\n")
        step = max(1, len(held) // SHOWN)
        print("\n" + "\n".join(_shown(row) for row in held[step // 2 :: step][:SHOWN]))


def _score_baselines(trainer: Trainer, module: Any, rows: list[int]) -> None:
    """Log the scores of the data module's baselines on these rows of the test."""
    data = getattr(trainer, "datamodule", None)
    if not hasattr(data, "baseline_outputs"):
        return
    split = data.test_split
    wanted = data.texts_of(split)["reference"]
    for name, texts in data.baseline_outputs(split).items():
        pairs = [texts[row] for row in rows], [wanted[row] for row in rows]
        for score, value in module.task.score(*pairs).items():
            if score in _BASELINE_SCORES:
                module.log(f"baseline/{name}_{score}", value, batch_size=1, sync_dist=False)


def _shown(row: list[str]) -> str:
    source, reference, output = (shortened(text, 96) for text in row)
    return f"  {source}\n    reference  {reference}\n    output     {output}"
