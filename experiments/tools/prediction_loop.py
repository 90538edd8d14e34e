"""Predicts windows of rows and writes them in the order of the input."""

import argparse
import sys
import time
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from datamodules import text_tables
from experiments.common.shell import relative
from experiments.tools.prediction_choices import as_question, columns_of
from experiments.tools.prediction_files import Output
from experiments.tools.prediction_rows import Row, answer_columns, check_rows, named, windows
from modules import inference
from modules.encoding import needs_context, reads_pairs

_WINDOW, _ANSWERS = 4096, 32  # rows that are sorted by length and predicted together
_FEW = 10  # labels that all get a column of their own
_LISTED = 10  # rows that the summary names
_EVERY = 10.0  # seconds between two lines about the progress, in a pipe


def confidence(probabilities: np.ndarray, several: bool) -> float:
    """How sure a prediction is; of several labels or words, that of the least sure one.

    Args:
        probabilities: The probabilities of a text's labels, (labels,), or of the tags of its words,
            (words, tags).
        several: Whether a text may have several labels.
    """
    either = np.maximum(probabilities, 1 - probabilities)
    return float((either if several else probabilities.max(-1)).min(initial=1.0))


class Prediction:
    """The prediction of a file.

    Args:
        module: The module.
        asked: The flags.
        output: The file to write; None is standard output.
        notes: Remarks about the reading of the input.

    Raises:
        ValueError: If a flag does not fit the module.
    """

    def __init__(
        self, module: Any, asked: argparse.Namespace, output: Path | None, notes: list[str]
    ) -> None:
        self.module, self.asked, self.notes = module, asked, notes
        self.labels, self.task = module.label_names, type(module.task).__name__
        self.several = module.task.label_kind == "several"
        self.tags = module.task.label_kind == "tags"
        self.asks = module.task.label_kind == "span"  # reads questions with contexts
        self.marks = self.asks and not inference.writes_answers(module)
        self.alone = self.asks and not needs_context(module.task)
        self.chooses = module.task.label_kind == "choice"
        self.path, self.names = output, {}  # of our columns, where the input has them too
        self.settings: dict[str, Any] = {}
        self._check()
        self.seen = self.truncated = self.bad = self.silent = 0
        self.listed: dict[str, list[str]] = {"truncated": [], "bad": []}
        self.counts: Counter[str] = Counter()
        self.sums = np.zeros(1)  # of the confidences, or of the numbers
        self.started = self.shown = time.monotonic()

    def _check(self) -> None:
        writes, top = inference.writes_answers(self.module), self.asked.top
        pairs = reads_pairs(self.module.task)
        if top and (self.tags or not self.labels):
            has = "tags words" if self.tags else "has no labels"
            raise ValueError(f"--top {top}: {self.task} {has}")
        if top and top > len(self.labels):
            raise ValueError(f"--top {top}: the model has {len(self.labels)} labels")
        if self.asked.answers:
            if not self.marks:
                raise ValueError(f"--answers {self.asked.answers}: {self.task} marks no answers")
            self.settings["answers"] = self.asked.answers
        if pairs and not self.asked.pair_column and not (self.asks or self.chooses):
            where = "" if self.asked.file != "-" else " of a FILE"
            raise ValueError(f"--pair_column: {self.task} reads pairs; name the second text{where}")
        if self.chooses and (self.asked.column or self.asked.pair_column):
            flag = "column" if self.asked.column else "pair_column"
            cure = "name the columns question, context and choices"
            raise ValueError(f"--{flag}: {self.task} reads several columns; {cure}")
        if self.asked.pair_column and self.module.task.label_kind == "none":
            raise ValueError(
                f"--pair_column {self.asked.pair_column}: {self.task} reads one text at a time"
            )
        if self.asked.max_new_tokens:
            if not writes:
                raise ValueError(f"--max_new_tokens: {self.task} writes no answers")
            self.settings["max_new_tokens"] = self.asked.max_new_tokens
        if self.asked.batch_tokens:
            self.settings["batch_tokens"] = self.asked.batch_tokens

    def run(self, rows: Iterable[Row]) -> None:
        """Predicts and writes all rows, and prints the summary."""
        if self.asked.file == "-" and sys.stdin.isatty():
            print("reading lines from the terminal: Ctrl-D ends", file=sys.stderr)
        output = Output(self.path, self.asked.file)
        size = _ANSWERS if inference.writes_answers(self.module) else _WINDOW
        try:
            for window in windows(rows, size):
                output.write(self._predicted(window))
                self._progress(output.rows)
            if not output.rows:
                raise ValueError(f"{named(self.asked.file)}: has no row with a text to predict")
            output.finish()
        except BaseException as error:
            said = output.abandon()
            if said and not isinstance(error, BrokenPipeError):
                print(f"\n{said}", file=sys.stderr)
            raise
        self._summary(output.rows)

    def _predicted(self, window: list[Row]) -> list[dict[str, Any]]:
        usable = []
        for row in window:
            self.seen += 1
            row = as_question(row) if self.chooses else row
            if row.text is not None and (self.alone or not row.reason):
                usable.append(row)
            elif self.asked.bad_rows == "stop":
                cure = "repair it, or leave such rows out with --bad_rows skip"
                where = f"{named(self.asked.file)}, row {row.number}"
                raise ValueError(f"{where}: {row.reason}: {cure}")
            else:
                self.bad += 1
                self._list("bad", f"row {row.number}: {row.reason}")
        if not (self.asked.pair_column or self.chooses):
            check_rows(self.asked.file, usable, self.asks, self.alone, self.task)
        found = inference.predict(self.module, [row.text for row in usable], **self.settings)
        made = []
        for place, row in enumerate(usable):
            chances = None if found.probabilities is None else found.probabilities[place]
            added = self._columns(found.values[place], chances)
            made.append((row, added))
            if found.truncated[place]:
                self.truncated += 1
                self._list("truncated", str(row.number))
        return self._joined(made)

    def _columns(self, value: Any, chances: np.ndarray | None) -> dict[str, Any]:
        if self.marks:
            best, added = answer_columns(value)
            self.sums += best["score"]
            self.silent += not best["answer"]
            return added
        if self.chooses:
            self.sums += value["score"]
            return columns_of(value)
        if chances is None:
            number = isinstance(value, float)
            if number:
                self.sums += value
            return {"prediction": round(value, 6) if number else value}
        sure = confidence(chances, self.several)
        self.sums += sure
        if self.tags:
            self.counts.update(tag for _, tag in value)
            pairs = [[word, tag] for word, tag in value]
            return {"prediction": pairs, "confidence": round(sure, 6)}
        self.counts.update(value if self.several else [value])
        added = {"prediction": value, "confidence": round(sure, 6)}
        if self.asked.top:
            for place, label in enumerate(np.argsort(-chances, kind="stable")[: self.asked.top], 1):
                added[f"top_{place}"] = self.labels[label]
                added[f"top_{place}_probability"] = round(float(chances[label]), 6)
        elif len(self.labels) <= _FEW:
            for label, chance in zip(self.labels, chances, strict=True):
                added[f"probability_{label}"] = round(float(chance), 6)
        return added

    def _joined(self, made: list[tuple[Row, dict[str, Any]]]) -> list[dict[str, Any]]:
        """Adds our columns to those of the input, under other names where it has them already."""
        if made and not self.names:
            taken = {name for row, _ in made for name in row.fields}
            for name in made[0][1]:
                self.names[name] = name
                while self.names[name] in taken:
                    self.names[name] = f"model_{self.names[name]}"
                if self.names[name] != name:
                    said = f"the file has a column {name}: ours is {self.names[name]}"
                    self.notes.append(said)
        joined = []
        for row, added in made:
            own = {self.names[name]: value for name, value in added.items()}
            if both := own.keys() & row.fields.keys():
                raise ValueError(
                    f"{named(self.asked.file)}, row {row.number}: has a column {min(both)!r}, "
                    f"which the first rows lack: rename it"
                )
            joined.append({**row.fields, **own})
        return joined

    def _list(self, kind: str, line: str) -> None:
        if len(self.listed[kind]) < _LISTED:
            self.listed[kind].append(line)

    def _progress(self, rows: int) -> None:
        now = time.monotonic()
        line = f"{rows:,} rows, {rows / (now - self.started):,.0f} rows/s"
        if sys.stderr.isatty():
            if self.path or not sys.stdout.isatty():
                print(f"\r{line}", end="", file=sys.stderr, flush=True)
        elif now - self.shown >= _EVERY:
            self.shown = now
            print(line, file=sys.stderr, flush=True)

    def _summary(self, rows: int) -> None:
        took = time.monotonic() - self.started
        lines = [f"{rows:,} rows in {took:,.1f} s, {rows / took:,.0f} rows/s"]
        if self.labels:
            every = max(1, self.counts.total()) if self.tags else rows  # words, or texts
            cells = [
                (n, f"{self.counts[n]:,}", f"{self.counts[n] / every:.1%}") for n in self.labels
            ]
            cells.sort(key=lambda row: -self.counts[row[0]])
            lines += text_tables.columns(cells[:20]).splitlines()
            lines += [f"and {len(cells) - 20} more labels"] * (len(cells) > 20)
            lines.append(f"mean confidence {self.sums[0] / rows:.4f}")
        elif self.marks or self.chooses:
            lines += [f"{self.silent:,} without an answer"] * self.marks
            lines.append(f"mean confidence {self.sums[0] / rows:.4f}")
        elif self.module.task.label_kind == "number":
            lines.append(f"mean prediction {self.sums[0] / rows:.4f}")
        for kind, count, said in (
            ("truncated", self.truncated, "longer than the model reads and were cut: row "),
            ("bad", self.bad, "left out: "),
        ):
            if count:
                joint = ", " if kind == "truncated" else "; "
                shown = joint.join(self.listed[kind]) + f"{joint}..." * (count > _LISTED)
                were = "row was" if count == 1 else "rows were"
                said = said.replace("and were", "and was") if count == 1 else said
                lines.append(f"{count:,} {were} {said}{shown}")
        lines += [f"note   {note}" for note in dict.fromkeys(self.notes)]
        if self.path:
            lines.append(f"done   {relative(self.path)}")
        lead = "\n" if sys.stderr.isatty() else ""
        print(lead + "\n".join(lines), file=sys.stderr, flush=True)
