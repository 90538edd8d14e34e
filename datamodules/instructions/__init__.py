"""Instructions with their responses as a data module."""

from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from itertools import chain
from typing import Any, Literal

import numpy as np
from jsonargparse.typing import NonNegativeInt, PositiveInt

from datamodules.argument_names import in_arguments
from datamodules.base import RowDataModule, Workers, tested
from datamodules.files import BadRows, ReadOptions
from datamodules.instructions import chat, chosen_tasks, lengths, preflight, sources
from datamodules.instructions.chosen_tasks import ChosenTasks
from datamodules.instructions.conversations import Conversation, Message, digest, question
from datamodules.instructions.packing import pack
from datamodules.instructions.rows import ConversationRows, conversation_rows
from datamodules.tokens import max_positions
from datamodules.unread import Unread, off


class Instructions(RowDataModule):
    """Questions and answers, of one turn or many, as a chat.

    Args:
        source: The conversations to read: bundled, an id of the hub, or a folder or file (jsonl,
            json, parquet, csv and others) of records: messages or conversations; instruction,
            input and output; prompt and completion; or question and answer (docs/formats.md).
        tokenizer: The backbone whose tokenizer is used: a bundled name, a hub id or a folder.
        template: Chat template: tokenizer | plain, or a file of Jinja. tokenizer takes the
            tokenizer's own; plain takes ours, which needs no special token.
        loss: Tokens that count in the loss: responses and the tokens that end them, or all.
        packing: Whether several records share a row of max_length tokens; none sees another.
        batch_tokens: Number of padded tokens per batch and device; rows of like length share a
            batch.
        max_length: Number of tokens to which a record is truncated.
        train_rows: Largest number of training records, drawn by the seed; all by default. auto is
            2,000 of the bundled records, and all of others.
        eval_rows: Largest number of records for validation, and for the test; the same records in
            every run.
        bad_rows: What happens to a record that cannot be read or used: stop with an error, or skip
            it and list it.
        delimiter: Text between two fields of a table: auto, comma, semicolon, tab, pipe, space, or
            the text itself.
        header: Whether the first row of a table names its columns: true, false, or auto to find
            out.
        encoding: Encoding of text files, such as utf-8, cp1252 or gb18030; auto finds it.
        tasks: Tasks that are taught as well, in words, joined by commas: rotten_tomatoes, imdb,
            chinese_reviews, bbc, translate_fr, translate_de, translate_zh, summarise, explain; or
            none. auto is rotten_tomatoes beside the bundled records, else none.
        task_rows: Number of training rows of each of these tasks.
        task_wordings: Number of wordings, up to ten, in which they are asked by turns.
        unseen: Tasks that are not taught, to test what carries over to them; or none.
        unseen_rows: Number of test rows of each unseen task.
        unseen_wordings: Number of wordings, up to ten, in which each of these rows is asked.
        seed: Seed of the order of the rows; the run's seed by default.
        workers: Number of processes that assemble batches; 0 uses the training process, auto takes
            a few on a GPU and else 0.
    """

    task_links = (("chat_template", "chat_template"),)
    unread = (
        Unread(("task_rows", "task_wordings"), "tasks", off),
        Unread(("unseen_rows", "unseen_wordings"), "unseen", off),
    )
    _rows: dict[str, ConversationRows]

    def __init__(
        self,
        source: str = "bundled",
        tokenizer: str = "smollm2",
        template: str = "tokenizer",
        loss: chat.LossTokens = "responses",
        packing: bool = False,
        batch_tokens: PositiveInt = 2048,
        max_length: PositiveInt = 512,
        train_rows: PositiveInt | Literal["auto"] | None = None,
        eval_rows: PositiveInt | None = None,
        bad_rows: BadRows = "stop",
        delimiter: str = "auto",
        header: bool | Literal["auto"] = "auto",
        encoding: str = "auto",
        tasks: str = "none",
        task_rows: PositiveInt = 200,
        task_wordings: PositiveInt = 3,
        unseen: str = "none",
        unseen_rows: PositiveInt = 200,
        unseen_wordings: PositiveInt = 1,
        seed: NonNegativeInt = 0,
        workers: Workers = "auto",
    ) -> None:
        super().__init__(seed, batch_tokens, None, workers)
        self._rows = {}
        self.source, self.tokenizer, self.template = source, tokenizer, template
        self.loss_on, self.packing, self.max_length = loss, packing, int(max_length)
        bundled = source in ("auto", "bundled")
        self.train_rows, self.eval_rows = lengths.most(train_rows, bundled), eval_rows
        self.read_options = ReadOptions(delimiter, header, encoding, bad_rows)
        tasks = lengths.taught(tasks, bundled)
        self.tasks = ChosenTasks.taught(tasks, task_rows, task_wordings)
        self.unseen = ChosenTasks.unseen(unseen, unseen_rows, unseen_wordings)
        if both := {*self.tasks.names} & {*self.unseen.names}:
            raise ValueError(f"--data.unseen {both.pop()}: is among --data.tasks, and so is taught")
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
    def loaded(self) -> sources.ConversationSplits:
        """The conversations of all splits, read at the first use."""
        found = sources.read(self.source, self.read_options)
        splits = {name: sample_rows(rows, self.eval_rows, 0) for name, rows in found.splits.items()}
        splits["train"] = sample_rows(found.splits["train"], self.train_rows, self.seed)
        for name, made in self.tasks.conversations(self.seed):
            splits["train"] = [*splits["train"], *made]
            found.notes.append(f"{len(made):,} training records are questions of {name}")
        return replace(found, splits=splits)

    @cached_property
    def split_fingerprints(self) -> dict[str, str]:
        """A digest of the conversations of each split."""
        return {name: digest([split]) for name, split in self.loaded.splits.items()}

    @cached_property
    def fingerprint(self) -> str:
        return digest([self.loaded.splits[name] for name in sorted(self.loaded.splits)])

    @property
    def origin(self) -> str:
        return self.loaded.origin

    @property
    def test_split(self) -> str:
        return tested(self.loaded.splits)

    @in_arguments
    def prepare_data(self) -> None:
        """Tokenise into the cache: one process tokenises while the others wait."""
        for split, conversations in self.loaded.splits.items():
            if split not in self._rows:
                self._rows[split] = self._load(conversations)
        preflight.check(self._rows["train"])

    def _load(self, conversations: Sequence[Conversation]) -> ConversationRows:
        args = (self.chat_tokenizer, conversations, self.loss_on, self.max_length)
        found = conversation_rows(*args, self.loaded.place)
        useful = np.flatnonzero(found.supervised_counts)  # the others would only cost time
        if self.packing:
            packs = pack(found.sizes[useful], self.max_length)
            return replace(found, packs=[useful[p].tolist() for p in packs], packed=True)
        some = len(useful) < len(found.sizes)
        return replace(found, packs=[[n] for n in useful.tolist()]) if some else found

    def suggested_epochs(self) -> int | None:
        return lengths.epochs_for(len(self.loaded.splits["train"]))

    def texts_of(self, split: str) -> dict[str, list[Conversation]]:
        """The conversations of a split, under the name that tasks read."""
        return {"messages": self.loaded.splits[split]}

    def prompt_ids(self, text: str) -> list[int]:
        """Encode a question in the chat template, up to the beginning of the answer."""
        return chat.prompt_ids(self.chat_tokenizer, (Message("user", text),))

    def references(self, count: int) -> list[tuple[str, list[int], str]]:
        """The question, its token ids and the last response of the first ``count`` test records."""
        found: list[tuple[str, list[int], str]] = []
        for conversation in self.loaded.splits[self.test_split]:
            if len(found) == count:
                break
            _, text, learned, _ = conversation[-1]
            if not text or not learned:  # a call of a tool, or a response of weight 0
                continue
            ids = chat.prompt_ids(self.chat_tokenizer, conversation[:-1])
            if len(ids) <= self.max_length:
                found.append((question(conversation), ids, text))
        return found

    def questions(self) -> list[chosen_tasks.Questions]:
        """The questions of the unseen tasks as prompts in the chat template."""

        def prompt(text: str) -> str:
            return chat.render_prompt(self.chat_tokenizer, (Message("user", text),))

        return self.unseen.questions(prompt, self.tasks.names)

    def preflight(self, colour: bool) -> str:
        """A table of what will be learned, and a record as the model sees it. Needs ``setup``."""
        shown = preflight.sample(self._rows["train"], self.chat_tokenizer, colour)
        return f"{preflight.table(self._rows, self.loaded)}\n\n{shown}"

    def warnings(self) -> list[str]:
        return preflight.warnings(self.chat_tokenizer, self.tokenizer, self.loaded.splits)

    def notes(self) -> list[str]:
        conversations = chain.from_iterable(self.loaded.splits.values())
        return [*self.loaded.notes, *preflight.notes(self.chat_tokenizer, conversations)]

    def facts(self) -> dict[str, Any]:
        rows = self._rows
        return {
            "source": self.loaded.kind,
            "origin": self.loaded.origin,
            "fingerprint": self.fingerprint,
            "split_fingerprints": self.split_fingerprints,
            **self.loaded.facts(),
            "tasks": self.tasks.facts(),
            "unseen": self.unseen.facts(),
            "rows": {name: len(split.sizes) for name, split in rows.items()},
            "packed": self.packing,
            "packed_rows": {name: len(split) for name, split in rows.items()},
            "tokens": {name: len(split.ids) for name, split in rows.items()},
            "learned": {name: int(split.supervised.sum()) for name, split in rows.items()},
            "longest": {name: split.max_row_length for name, split in rows.items()},
            "cut_to_max_length": {name: int(split.truncated.sum()) for name, split in rows.items()},
            "test_split": self.test_split,
        }


def sample_rows(rows: list, count: int | None, seed: int) -> list:
    """Draw at most ``count`` rows by the seed; a larger count only adds rows."""
    if count is None or count >= len(rows):
        return rows
    kept = np.sort(np.random.default_rng(seed).permutation(len(rows))[:count])
    return [rows[number] for number in kept]
