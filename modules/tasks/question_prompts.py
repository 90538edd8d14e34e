"""The token ids of questions in a prompt, with solved questions before them and answers behind."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from datamodules.packaged import pad_id
from modules.encoding import beside_soft_prompt, most_tokens
from modules.prompts.templates import Prompt, Template
from modules.tasks.token_sums import IGNORED
from modules.text_rows import pad

Row = Mapping[str, Any]  # question and context, and a list of choices where there are some


class QuestionPrompts:
    """Encodes questions for a decoder: instruction, solved questions, the question, its answer.

    Args:
        template: Jinja over the columns, with the answer at its end.
        instruction: Text before everything else.
        shots: Number of solved questions.
        seed: Seed by which they are drawn.
        examples: Solved questions, mappings with question, answer, and perhaps context and choices;
            drawn from the training split if there are none.
        columns: The columns that the template may name.

    Raises:
        ValueError: If the template is not one, or does not ask the question at its end, or an
            example lacks its question or answer.
    """

    def __init__(
        self,
        template: str,
        instruction: str,
        shots: int,
        seed: int,
        examples: Sequence[Mapping[str, Any]] = (),
        columns: Sequence[str] = ("question", "context"),
    ) -> None:
        self.template, self.instruction = Template(template), instruction
        self.shots, self.seed = shots, seed
        # Training questions with their answers: one more than are shown, if they were drawn.
        self.solved = [solved(example, place) for place, example in enumerate(examples, 1)]
        self.given = bool(self.solved)
        # What puts solved questions before rows in place of those above: one text for each row.
        self.selector: Callable[[Sequence[Row]], list[str]] | None = None
        self.selected_tokens = 0  # of the longest text that it returns
        flag = "--model.task.template"
        if "question" not in self.template.columns:
            raise ValueError(f"{flag}: does not ask the {{{{ question }}}}")
        self.template.check_columns(columns)
        if self.template.render(dict.fromkeys(self.template.columns, "a")).after:
            raise ValueError(f"{flag}: has text behind the answer; end it with that")
        if self.solved and not 0 < shots <= len(self.solved):
            raise ValueError(
                f"--model.task.examples: {len(self.solved)} are given, of which --model.task.shots "
                f"{shots} are to be shown: give 1 to {len(self.solved)}"
            )

    @property
    def examples(self) -> list[dict[str, Any]] | None:
        """The solved questions as plain values, for checkpoints; None without any."""
        return [{**row, "answer": answer} for row, answer in self.solved] or None

    def attach(self, tokenizer: Any, model: Any, answer_tokens: int) -> None:
        """Take the tokenizer and the limits of a model, with or without a soft prompt before it.

        Raises:
            ValueError: If the prompt leaves no room for a question and an answer.
        """
        self.tokenizer = tokenizer
        self.most_tokens = most_tokens(model, tokenizer)
        reads = "context" in self.template.columns
        empty = dict.fromkeys(self.template.columns, "") | {"context": "a"}
        self.overhead = len(self.ids(empty)) - reads  # without the token of the context
        if (left := self.most_tokens - self.overhead) <= answer_tokens:
            beside = beside_soft_prompt(model)
            raise ValueError(
                f"--model.task.max_new_tokens {answer_tokens}: the backbone reads "
                f"{self.most_tokens} tokens{beside}, of which the template leaves {left}: shorten "
                f"one"
            )

    def draw(self, rows: Sequence[Row], answers: Sequence[str], origin: str) -> None:
        """Draw the solved questions of N training rows, one more than are shown.

        Raises:
            ValueError: If there are too few.
        """
        places = distinct(rows)
        if self.shots and len(places) <= self.shots:
            raise ValueError(
                f"--model.task.shots {self.shots}: {len(places):,} different training questions in "
                f"{origin}, and a question is none of its own examples: give fewer"
            )
        order = np.random.default_rng(self.seed).permutation(places).tolist()
        chosen = order[: self.shots + 1] if self.shots else []
        self.solved = [(rows[place], answers[place]) for place in chosen]

    def check_drawn(self) -> None:
        """Refuse to ask without the solved questions that were wanted."""
        if self.shots and not (self.solved or self.selector):
            raise ValueError(
                f"--model.task.shots {self.shots}: draws training questions: validate, test or fit "
                f"with a data module first, or give --model.task.examples"
            )

    def before(self, rows: Sequence[Row]) -> list[str]:
        """Return the solved questions before each of N rows, which is never one of its own."""
        if self.selector is not None:
            return self.selector(rows)
        return [self._demonstrations(row) for row in rows]

    def _demonstrations(self, row: Row) -> str:
        others = [one for one in self.solved if any(one[0][name] != row[name] for name in row)]
        return "".join(self.demonstration(*one) for one in others[: self.shots])

    def demonstration(self, row: Row, answer: str) -> str:
        """Return the text of a solved question."""
        return f"{self.template.render(row).fill(answer)}\n\n"

    def prompt(self, row: Row, before: str = "") -> Prompt:
        """Return the prompt of a row behind the instruction and solved questions."""
        start = f"{self.instruction}\n\n" if self.instruction else ""
        return Prompt(start + before + self.template.render(row).before)

    def ids(self, row: Row, before: str = "") -> list[int]:
        """Return the token ids of a prompt, without one that ends a text."""
        ids = self.tokenizer(self.prompt(row, before).context, verbose=False)["input_ids"]
        return ids[:-1] if ids and ids[-1] == self.tokenizer.eos_token_id else ids

    def answer(self, row: Row, text: str) -> list[int]:
        """Return the token ids of an answer, and of the end of the text."""
        joined = self.template.render(row).separator + text
        found = self.tokenizer(joined, add_special_tokens=False, verbose=False)["input_ids"]
        return [*found, self.tokenizer.eos_token_id]

    def fitted(self, row: Row, room: int, before: str = "") -> tuple[Row, list[int], bool]:
        """Shorten the context of a row until its prompt has at most so many tokens.

        Returns:
            The row, the token ids of its prompt, and whether the context lost its end.

        Raises:
            ValueError: If the prompt is too long without its context.
        """
        ids, cut = self.ids(row, before), False
        while (over := len(ids) - room) > 0:
            context, cut = row["context"], True
            size = len(self.tokenizer(context, add_special_tokens=False, verbose=False).input_ids)
            if size < 1 or "context" not in self.template.columns:
                raise ValueError(
                    f"--model.task.template: instruction, examples and the question take {len(ids)}"
                    f" tokens and leave no room for a context in the {room} that there are: "
                    f"shorten them, or give fewer shots (question: {row['question']!r:.80})"
                )
            # A share of the characters: not every tokenizer tells where a token ends.
            keep = len(context) * max(0, size - over) // size
            row = {**row, "context": context[: min(len(context) - 1, keep)].rstrip()}
            ids = self.ids(row, before)
        return row, ids, cut

    def sources(self, rows: Sequence[Row], room: int = 0) -> tuple[list[list[int]], list[bool]]:
        """Return the prompts of N rows that leave room to write, and whether each was cut."""
        self.check_drawn()
        pairs = zip(rows, self.before(rows), strict=True)
        found = [self.fitted(row, self.most_tokens - room, before) for row, before in pairs]
        return [ids for _, ids, _ in found], [cut for *_, cut in found]

    def forced(self) -> dict[str, Any]:
        """Return no arguments of ``generate``: no token has to begin an answer."""
        return {}

    @staticmethod
    def of_texts(columns: Mapping[str, Sequence[Any]]) -> list[Row]:
        """Return the rows of questions and their contexts, and of their choices if there are some.

        Raises:
            ValueError: If a question is empty.
        """
        if "choices" in columns:
            names = ("question", "context", "choices")
            parts = zip(*(columns[name] for name in names), strict=True)
            return [dict(zip(names, row, strict=True)) for row in parts]
        for place, question in enumerate(columns["text"], 1):
            if not question.strip():
                raise ValueError(f"text {place} of {len(columns['text']):,}: the question is empty")
        pairs = zip(columns["text"], columns["pair"], strict=True)
        return [{"question": question, "context": context} for question, context in pairs]

    def encode(self, rows: Sequence[Row], answers: Sequence[str | None], device: Any) -> dict:
        """Return ``input_ids``, ``attention_mask`` and ``labels``, (B, T), of the next tokens.

        Labels are -100 outside the answers; a row whose answer is None has none.
        """
        ids, labels = [], []
        for row, text, before in zip(rows, answers, self.before(rows), strict=True):
            answer = self.answer(row, text or "")
            _, prompt, _ = self.fitted(row, self.most_tokens - len(answer), before)
            ids.append(prompt + answer)
            wanted = [IGNORED] * len(answer) if text is None else answer
            labels.append([IGNORED] * (len(prompt) - 1) + wanted + [IGNORED])
        masks = [[1] * len(row) for row in ids]
        made = {"input_ids": (ids, pad_id(self.tokenizer)), "attention_mask": (masks, 0)}
        made["labels"] = (labels, IGNORED)
        return {name: pad(*rows_).to(device) for name, rows_ in made.items()}


def distinct(rows: Sequence[Row]) -> list[int]:
    """Return the place of each different question: that of its last window."""
    return list({tuple(map(str, row.values())): place for place, row in enumerate(rows)}.values())


def solved(example: Mapping[str, Any], place: int) -> tuple[Row, str]:
    """Return the row of a solved question, and its answer.

    Raises:
        ValueError: If question or answer is no text, or another name is given.
    """
    flag = f"--model.task.examples: example {place}"
    if not isinstance(example, Mapping):
        raise ValueError(f"{flag} is not a mapping with question and answer ({example!r:.60})")
    for name in ("question", "answer"):
        if not isinstance(example.get(name), str) or not example[name].strip():
            raise ValueError(f"{flag} has no {name} ({example!r:.60})")
    if unknown := sorted(example.keys() - {"question", "context", "choices", "answer"}):
        raise ValueError(f"{flag}: {unknown[0]!r} is none of question, context, choices, answer")
    row = {"context": "", **example}
    return {name: value for name, value in row.items() if name != "answer"}, example["answer"]
