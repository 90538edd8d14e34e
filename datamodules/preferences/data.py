"""Preferences between answers as a data module."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any, Literal

from jsonargparse.typing import NonNegativeInt, PositiveInt

from datamodules import text_tables
from datamodules.argument_names import in_arguments
from datamodules.base import RowDataModule, Workers, tested
from datamodules.files import BadRows, ReadOptions
from datamodules.instructions import chat, preflight, sample_rows
from datamodules.instructions.conversations import Conversation, to_plain
from datamodules.instructions.rows import ConversationRows, conversation_rows
from datamodules.preferences import sources
from datamodules.preferences.records import Example
from datamodules.preferences.rows import PreferenceRows, preference_rows
from datamodules.tokens import max_positions


class Preferences(RowDataModule):
    """Prompts with a chosen and a rejected answer, or with one answer that is good or bad.

    Args:
        source: The preferences to read: bundled (couples made of the bundled instructions), an id
            of the hub, or a folder or file (jsonl, json, parquet, csv and others) of records:
            chosen and rejected, with prompt or as whole conversations, or prompt, completion and
            label (docs/formats.md).
        tokenizer: The backbone whose tokenizer is used: a bundled name, a hub id or a folder.
        template: Chat template: tokenizer | plain, or a file of Jinja. tokenizer takes the
            tokenizer's own; plain takes ours, which needs no special token.
        batch_tokens: Number of padded tokens per batch and device; rows of like length share a
            batch.
        max_length: Number of tokens to which a prompt with its answer is truncated.
        train_rows: Largest number of training rows, drawn by the seed; all by default.
        eval_rows: Largest number of rows for validation, and for the test; the same in every run.
        bad_rows: What happens to a record that cannot be read or used: stop with an error, or skip
            it and list it.
        delimiter: Text between two fields of a table: auto, comma, semicolon, tab, pipe, space, or
            the text itself.
        header: Whether the first row of a table names its columns: true, false, or auto to find
            out.
        encoding: Encoding of text files, such as utf-8, cp1252 or gb18030; auto finds it.
        seed: Seed of the order of the rows; the run's seed by default.
        workers: Number of processes that assemble batches; 0 uses the training process, auto takes
            a few on a GPU and else 0.
    """

    task_links = (("chat_template", "chat_template"),)
    _rows: dict[str, PreferenceRows]

    def __init__(
        self,
        source: str = "bundled",
        tokenizer: str = "smollm2",
        template: str = "tokenizer",
        batch_tokens: PositiveInt = 2048,
        max_length: PositiveInt = 512,
        train_rows: PositiveInt | None = None,
        eval_rows: PositiveInt | None = None,
        bad_rows: BadRows = "stop",
        delimiter: str = "auto",
        header: bool | Literal["auto"] = "auto",
        encoding: str = "auto",
        seed: NonNegativeInt = 0,
        workers: Workers = "auto",
    ) -> None:
        super().__init__(seed, batch_tokens, None, workers)
        self._rows = {}
        self.source, self.tokenizer, self.template = source, tokenizer, template
        self.max_length = int(max_length)
        self.train_rows, self.eval_rows = train_rows, eval_rows
        self.read_options = ReadOptions(delimiter, header, encoding, bad_rows)
        if max_length > (limit := max_positions(tokenizer)):
            raise ValueError(f"--data.max_length {max_length}: {tokenizer} takes at most {limit}")

    @cached_property
    def chat_tokenizer(self):
        """The backbone's tokenizer with the chat template in use."""
        return chat.load_chat_tokenizer(self.tokenizer, self.template)

    @property
    def chat_template(self) -> str:
        """The source of the chat template."""
        return self.chat_tokenizer.chat_template

    @cached_property
    def loaded(self) -> sources.PreferenceSplits:
        """The examples of all splits, read at the first use."""
        found = sources.read(self.source, self.read_options)
        splits = {name: sample_rows(rows, self.eval_rows, 0) for name, rows in found.splits.items()}
        splits["train"] = sample_rows(found.splits["train"], self.train_rows, self.seed)
        return replace(found, splits=splits)

    @cached_property
    def fingerprint(self) -> str:
        return _digest([self.loaded.splits[name] for name in sorted(self.loaded.splits)])

    @property
    def origin(self) -> str:
        return self.loaded.origin

    @property
    def test_split(self) -> str:
        return tested(self.loaded.splits)

    @in_arguments
    def prepare_data(self) -> None:
        """Tokenise into the cache: one process tokenises while the others wait."""
        for split, examples in self.loaded.splits.items():
            if split not in self._rows:
                self._rows[split] = preference_rows(self._answers(examples), examples)
        if empty := [name for name, rows in self._rows.items() if not len(rows)]:
            raise ValueError(
                f"--data.max_length {self.max_length}: cuts off the answers of all {empty[0]} rows "
                f"of {self.origin}; give a larger one"
            )

    def _answers(self, examples: Sequence[Example]) -> ConversationRows:
        said = [one.answer for one in examples]
        said += [one.rejected for one in examples if one.rejected is not None]
        tokenizer, limit, place = self.chat_tokenizer, self.max_length, self.loaded.place
        return conversation_rows(tokenizer, said, "responses", limit, place)

    def texts_of(self, split: str) -> dict[str, list[Conversation]]:
        """The conversations of a split: chosen and rejected, or answer where they come alone.

        After ``setup`` they are those of its rows, without what is too long to be used.
        """
        examples = self.loaded.splits[split]
        if split in self._rows:
            examples = [examples[place] for place in self._rows[split].kept.tolist()]
        if not self.loaded.couples:
            return {"answer": [one.answer for one in examples]}
        rejected = [one.rejected for one in examples if one.rejected is not None]
        return {"chosen": [one.answer for one in examples], "rejected": rejected}

    def longer_chosen(self) -> dict[str, float]:
        """The share of couples whose chosen answer is the longer one, by split; a tie counts half.

        A model that always prefers the longer answer has this accuracy.
        """
        found = {}
        for name, rows in self._rows.items() if self.loaded.couples else ():
            chosen, rejected = rows.answer_lengths
            found[name] = float(((chosen > rejected) + 0.5 * (chosen == rejected)).mean())
        return found

    def preflight(self, colour: bool) -> str:
        """A table of the rows and of the lengths of their answers. Needs ``setup``."""
        couples = self.loaded.couples
        kinds = ("chosen tokens", "rejected tokens", "chosen longer")
        head = ["split", "rows", *(kinds if couples else ("good", "bad", "tokens"))]
        table = [head]
        for name, rows in self._rows.items():
            means = [f"{mean:.0f}" for mean in rows.answer_lengths.mean(1)]
            if rows.good is None:
                means.append(f"{self.longer_chosen()[name]:.1%}")
            else:
                good = int(rows.good[rows.kept].sum())
                means = [f"{good:,}", f"{len(rows) - good:,}", *means]
            table.append([name, f"{len(rows):,}", *means])
        return text_tables.columns(table, range(1, len(head)))

    def warnings(self) -> list[str]:
        answers = {
            name: [one.answer for one in found] for name, found in self.loaded.splits.items()
        }
        return preflight.warnings(self.chat_tokenizer, self.tokenizer, answers)

    def notes(self) -> list[str]:
        lost = {name: rows.total - len(rows) for name, rows in self._rows.items()}
        return [
            *self.loaded.notes,
            *(
                f"{count:,} {name} rows are not used: --data.max_length {self.max_length} cuts off "
                f"their answers, or where these differ"
                for name, count in lost.items()
                if count
            ),
        ]

    def facts(self) -> dict[str, Any]:
        rows, said = self._rows, {name: part.answers for name, part in self._rows.items()}
        return {
            "source": self.loaded.kind,
            "origin": self.loaded.origin,
            "fingerprint": self.fingerprint,
            "split_fingerprints": {n: _digest([part]) for n, part in self.loaded.splits.items()},
            "couples": self.loaded.couples,
            "rows": {name: len(part) for name, part in rows.items()},
            "tokens": {name: len(part.ids) for name, part in said.items()},
            "longest": {name: part.max_row_length for name, part in said.items()},
            "cut_to_max_length": {n: int(part.truncated.sum()) for n, part in said.items()},
            "baseline": {"longer_answer_accuracy": self.longer_chosen()},
            "test_split": self.test_split,
        }


def _digest(splits: Sequence[Sequence[Example]]) -> str:
    whole = json.dumps([[_plain(one) for one in split] for split in splits])
    return hashlib.sha256(whole.encode()).hexdigest()[:16]


def _plain(example: Example) -> list[Any]:
    rejected = None if example.rejected is None else to_plain(example.rejected)
    return [to_plain(example.answer), rejected, example.good]
