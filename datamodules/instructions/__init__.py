"""Instructions with their responses: read, tokenised once, served by token budget."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property

import numpy as np
from jsonargparse.typing import NonNegativeInt, PositiveInt

from datamodules.instructions import chat, labelled, preflight, sources
from datamodules.instructions.records import Conversation, Message, question
from datamodules.instructions.rows import ConversationRows, pack, tokenise
from datamodules.packaged import load_tokenizer, pad_id
from datamodules.serving import Serving
from datamodules.tokens import cached, positions

_FORMAT = 1  # raised when the cached tensors change their meaning


class Instructions(Serving):
    """Questions and answers, of one turn or many, as a chat.

    Args:
        source: bundled, an id of the hub, or a folder or file (jsonl, json, parquet, csv) whose
            records have instruction, input and output; or messages; or conversations, as
            ShareGPT's.
        tokenizer: of the backbone: a bundled name, a hub id or a folder.
        template: tokenizer takes the chat template that it brings, plain ours, which needs no
            token of its own; or a file of Jinja.
        loss: on the responses and the tokens that end them, or on all.
        packing: several records in a row of max_length tokens, none of which sees another.
        batch_tokens: padded tokens per batch and device; rows of like length share a batch.
        max_length: tokens after which a record is cut.
        train_rows: at most so many training records, drawn by the seed; all if not given.
        eval_rows: at most so many for validation, and for the test; the same in every run.
        tasks: labelled tasks that are taught as well, in words, joined by commas: rotten_tomatoes,
            imdb, bbc; or none.
        task_rows: training rows of each of them.
        unseen: labelled tasks that are not taught, on which to see what carries over; or none.
        unseen_rows: test rows of each of them.
        seed: of the order of the rows; the run's seed if not given.
        workers: processes that assemble batches; 0 does it in the training process.
    """

    def __init__(
        self,
        source: str = "bundled",
        tokenizer: str = "smollm2",
        template: str = "tokenizer",
        loss: chat.Learn = "responses",
        packing: bool = False,
        batch_tokens: PositiveInt = 2048,
        max_length: PositiveInt = 512,
        train_rows: PositiveInt | None = None,
        eval_rows: PositiveInt | None = None,
        tasks: str = "none",
        task_rows: PositiveInt = 200,
        unseen: str = "none",
        unseen_rows: PositiveInt = 200,
        seed: NonNegativeInt = 0,
        workers: NonNegativeInt = 0,
    ) -> None:
        super().__init__(seed, batch_tokens, None, workers)
        self.source, self.tokenizer, self.template = source, tokenizer, template
        self.learn, self.packing, self.max_length = loss, packing, int(max_length)
        self.train_rows, self.eval_rows = train_rows, eval_rows
        self.tasks, self.task_rows = labelled.named(tasks, "tasks"), task_rows
        self.unseen, self.unseen_rows = labelled.named(unseen, "unseen"), unseen_rows
        if both := {*self.tasks} & {*self.unseen}:
            raise ValueError(f"--data.unseen {both.pop()}: is among --data.tasks, and so is taught")
        if max_length > (limit := positions(tokenizer)):
            raise ValueError(f"--data.max_length {max_length}: {tokenizer} takes at most {limit}")

    @cached_property
    def speaker(self):
        """The tokenizer with the chat template that is used."""
        tokenizer = load_tokenizer(self.tokenizer)
        if not tokenizer.is_fast:
            raise ValueError(f"--model.backbone {self.tokenizer}: has no fast tokenizer")
        chat.dress(tokenizer, self.template)
        return tokenizer

    @property
    def chat_template(self) -> str:
        return self.speaker.chat_template

    @cached_property
    def found(self) -> sources.Found:
        """The conversations of all splits that are used, read at the first use."""
        found = sources.read(self.source)
        splits = {name: _some(rows, self.eval_rows, 0) for name, rows in found.splits.items()}
        splits["train"] = _some(found.splits["train"], self.train_rows, self.seed)
        for name in self.tasks:
            made = labelled.taught(name, self.task_rows, self.seed)
            splits["train"] = [*splits["train"], *made]
            found.notes.append(f"{len(made):,} training records are questions of {name}")
        return found._replace(splits=splits)

    @cached_property
    def fingerprint(self) -> str:
        """Of every message of every split."""
        whole = json.dumps([self.found.splits[name] for name in sorted(self.found.splits)])
        return hashlib.sha256(whole.encode()).hexdigest()[:16]

    @property
    def origin(self) -> str:
        return self.found.origin

    @property
    def test_split(self) -> str:
        return "test" if "test" in self.found.splits else "validation"

    def prepare_data(self) -> None:
        """Tokenise into the cache: one process does it, the others wait."""
        for split, conversations in self.found.splits.items():
            if split not in self._rows:
                self._rows[split] = self._load(conversations)
        preflight.check(self._rows["train"])

    def _load(self, conversations: Sequence[Conversation]) -> ConversationRows:
        tokenizer = self.speaker
        made = [tokenizer.backend_tokenizer.to_str(), tokenizer.special_tokens_map]
        made += [tokenizer.chat_template, conversations]
        digest = hashlib.sha256(json.dumps(made).encode()).hexdigest()
        key = json.dumps(["chat", _FORMAT, digest, self.learn, self.max_length])
        rows = cached(key, lambda: tokenise(tokenizer, conversations, self.learn, self.max_length))
        found = ConversationRows(**rows, pad=pad_id(tokenizer))
        useful = np.flatnonzero(found.learned)  # the others would only cost time
        if self.packing:
            packs = pack(found.sizes[useful], self.max_length)
            return replace(found, packs=[useful[p].tolist() for p in packs], packed=True)
        some = len(useful) < len(found.sizes)
        return replace(found, packs=[[n] for n in useful.tolist()]) if some else found

    def texts_of(self, split: str) -> dict[str, list[Conversation]]:
        """What a task reads of the rows, by name."""
        return {"messages": self.found.splits[split]}

    def asked(self, text: str) -> list[int]:
        """Token ids of a question, up to where the answer begins."""
        return chat.prompt(self.speaker, (Message("user", text),))

    def references(self, count: int) -> list[tuple[str, list[int], str]]:
        """Of so many test records the question, its token ids and the last response."""
        found = []
        for conversation in self.found.splits[self.test_split]:
            ids = chat.prompt(self.speaker, conversation[:-1])
            if len(found) < count and len(ids) <= self.max_length:
                found.append((question(conversation), ids, conversation[-1].content))
        return found

    def questions(self) -> list[labelled.Questions]:
        """Those of the unseen tasks, in the chat template, up to where the answer begins."""
        return [
            labelled.questions(
                name, self.unseen_rows, lambda q: chat.text(self.speaker, (Message("user", q),))
            )
            for name in self.unseen
        ]

    def preflight(self, colour: bool) -> str:
        """What will be learned: a table, and a record as the model sees it. Needs ``setup``."""
        shown = preflight.sample(self._rows["train"], self.speaker, colour)
        return f"{preflight.table(self._rows)}\n\n{shown}"

    def notes(self) -> list[str]:
        """What the user should know of the data, a line each. Needs ``setup``."""
        return self.found.notes

    def facts(self) -> dict:
        """What the run's config and result say of the data. Needs ``setup``."""
        rows = self._rows
        return {
            "source": self.found.kind,
            "origin": self.found.origin,
            "fingerprint": self.fingerprint,
            "rows": {name: len(split.sizes) for name, split in rows.items()},
            "packed": self.packing,
            "packed_rows": {name: len(split) for name, split in rows.items()},
            "tokens": {name: len(split.ids) for name, split in rows.items()},
            "learned": {name: int(split.supervised.sum()) for name, split in rows.items()},
            "longest": {name: split.longest for name, split in rows.items()},
            "cut_to_max_length": {name: int(split.cut.sum()) for name, split in rows.items()},
            "test_split": self.test_split,
        }


def _some(rows: list, count: int | None, seed: int) -> list:
    """At most so many, drawn by the seed; of a smaller number all are among a larger one's."""
    if count is None or count >= len(rows):
        return rows
    kept = np.sort(np.random.default_rng(seed).permutation(len(rows))[:count])
    return [rows[number] for number in kept]
