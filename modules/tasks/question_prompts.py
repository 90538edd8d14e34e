"""The token ids of questions in a prompt, with solved questions before them and answers behind."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from datamodules.packaged import pad_id
from modules.encoding import most_tokens
from modules.prompts.templates import Template
from modules.tasks.token_sums import IGNORED
from modules.text_rows import pad

Row = Mapping[str, str]  # question and context


class QuestionPrompts:
    """Encodes questions for a decoder: instruction, solved questions, the question, its answer.

    Args:
        template: Jinja over the columns question and context, with the answer at its end.
        instruction: Text before everything else.
        shots: Number of solved questions.
        seed: Seed by which they are drawn.

    Raises:
        ValueError: If the template is not one, or does not ask the question at its end.
    """

    def __init__(self, template: str, instruction: str, shots: int, seed: int) -> None:
        self.template, self.instruction = Template(template), instruction
        self.shots, self.seed = shots, seed
        self.solved: list[tuple[Row, str]] = []  # training questions, one more than are shown
        flag = "--model.task.template"
        if "question" not in self.template.columns:
            raise ValueError(f"{flag}: does not ask the {{{{ question }}}}")
        self.template.check_columns(["question", "context"])
        if self.template.render(dict.fromkeys(self.template.columns, "a")).after:
            raise ValueError(f"{flag}: has text behind the answer; end it with that")

    def attach(self, tokenizer: Any, model: Any, answer_tokens: int) -> None:
        """Take the tokenizer and the limits of a model.

        Raises:
            ValueError: If the prompt leaves no room for a question and an answer.
        """
        self.tokenizer = tokenizer
        self.most_tokens = most_tokens(model, tokenizer)
        self.overhead = len(self.ids({"question": "", "context": ""}))
        if (left := self.most_tokens - self.overhead) <= answer_tokens:
            raise ValueError(
                f"--model.task.max_new_tokens {answer_tokens}: the backbone reads "
                f"{self.most_tokens} tokens, of which the template leaves {left}: shorten one"
            )

    def draw(self, rows: Sequence[Row], answers: Sequence[str]) -> None:
        """Draw the solved questions of N training rows, one more than are shown.

        Raises:
            ValueError: If there are too few, or they leave no room for a question.
        """
        unique = {(row["question"], row["context"]): place for place, row in enumerate(rows)}
        places = np.random.default_rng(self.seed).permutation(list(unique.values())).tolist()
        if self.shots and len(places) <= self.shots:
            raise ValueError(
                f"--model.task.shots {self.shots}: {len(places):,} different training questions, "
                f"and a question is none of its own examples: give fewer"
            )
        chosen = places[: self.shots + 1] if self.shots else []
        self.solved = [(rows[place], answers[place]) for place in chosen]

    def check_drawn(self) -> None:
        """Refuse to ask without the solved questions that were wanted."""
        if self.shots and not self.solved:
            raise ValueError(
                f"--model.task.shots {self.shots}: draws training questions: validate, test or fit "
                f"with a data module first"
            )

    def demonstrations(self, row: Row) -> str:
        """Return the solved questions before a row, which is never one of them."""
        others = [one for one in self.solved if any(one[0][name] != row[name] for name in row)]
        filled = [self.template.render(one).fill(answer) for one, answer in others[: self.shots]]
        return "".join(f"{text}\n\n" for text in filled)

    def ids(self, row: Row, before: str = "") -> list[int]:
        """Return the token ids of a prompt, without one that ends a text."""
        start = f"{self.instruction}\n\n" if self.instruction else ""
        prompt = self.template.render(row)
        ids = self.tokenizer(start + before + prompt.context, verbose=False)["input_ids"]
        return ids[:-1] if ids and ids[-1] == self.tokenizer.eos_token_id else ids

    def answer(self, row: Row, text: str) -> list[int]:
        """Return the token ids of an answer, and of the end of the text."""
        joined = self.template.render(row).separator + text
        found = self.tokenizer(joined, add_special_tokens=False, verbose=False)["input_ids"]
        return [*found, self.tokenizer.eos_token_id]

    def fitted(self, row: Row, room: int) -> tuple[list[int], bool]:
        """Return the token ids of a prompt of at most so many tokens.

        Returns:
            The token ids, and whether the context lost its end.

        Raises:
            ValueError: If the prompt is too long without its context.
        """
        before, cut = self.demonstrations(row), False
        ids = self.ids(row, before)
        while (over := len(ids) - room) > 0:
            context, cut = row["context"], True
            size = len(self.tokenizer(context, add_special_tokens=False, verbose=False).input_ids)
            if size < 1 or "context" not in self.template.columns:
                raise ValueError(
                    f"--model.task.template: instruction, examples and the question take {len(ids)}"
                    f" tokens and leave no room for a context in the {room} that there are: "
                    f"shorten them, or give fewer --model.task.shots (question: "
                    f"{row['question']!r:.80})"
                )
            # A share of the characters: not every tokenizer tells where a token ends.
            keep = len(context) * max(0, size - over) // size
            row = {**row, "context": context[: min(len(context) - 1, keep)].rstrip()}
            ids = self.ids(row, before)
        return ids, cut

    def sources(self, rows: Sequence[Row], room: int = 0) -> tuple[list[list[int]], list[bool]]:
        """Return the prompts of N rows that leave room to write, and whether each was cut."""
        self.check_drawn()
        found = [self.fitted(row, self.most_tokens - room) for row in rows]
        return [ids for ids, _ in found], [cut for _, cut in found]

    def forced(self) -> dict[str, Any]:
        """Return no arguments of ``generate``: no token has to begin an answer."""
        return {}

    @staticmethod
    def of_texts(columns: Mapping[str, Sequence[str]]) -> list[Row]:
        """Return the rows of questions (text) and their contexts (pair)."""
        pairs = zip(columns["text"], columns["pair"], strict=True)
        return [{"question": question, "context": context} for question, context in pairs]

    def encode(self, rows: Sequence[Row], answers: Sequence[str | None], device: Any) -> dict:
        """Return ``input_ids``, ``attention_mask`` and ``labels``, (B, T), of the next tokens.

        Labels are -100 outside the answers; a row whose answer is None has none.
        """
        ids, labels = [], []
        for row, text in zip(rows, answers, strict=True):
            answer = self.answer(row, text or "")
            prompt, _ = self.fitted(row, self.most_tokens - len(answer))
            ids.append(prompt + answer)
            wanted = [IGNORED] * len(answer) if text is None else answer
            labels.append([IGNORED] * (len(prompt) - 1) + wanted + [IGNORED])
        masks = [[1] * len(row) for row in ids]
        made = {"input_ids": (ids, pad_id(self.tokenizer)), "attention_mask": (masks, 0)}
        made["labels"] = (labels, IGNORED)
        return {name: pad(*rows_).to(device) for name, rows_ in made.items()}
