"""Solved examples before a prompt: the training rows that can be shown, and those that are."""

from collections.abc import Mapping, Sequence
from typing import Any

from modules.prompting import demonstrations
from modules.prompting.pool import Example, text_of, training_examples
from modules.prompts.templates import Template
from modules.protocols import LabelledData
from modules.tasks.prompted_classification import PromptedClassification
from modules.tasks.prompted_generation import PromptedGeneration
from modules.tasks.solved_questions import least_room


class SolvedExamples:
    """The examples of :class:`modules.InContext`, which takes the same arguments.

    Attributes:
        pool: The training rows.
        chosen: Places in the pool, where all prompts have the same examples.
        tokens: The number of tokens of the examples, at most.
    """

    def __init__(
        self,
        task: PromptedClassification | PromptedGeneration,
        shots: int,
        selection: demonstrations.Selection,
        order: demonstrations.Order,
        embedder: str,
    ) -> None:
        self.task, self.shots = task, shots
        self.selection, self.order, self.embedder = selection, order, embedder
        self.pool: list[Example] = []
        self.chosen: list[int] = []
        self.tokens = 0
        self._retrieve: demonstrations.Retriever | None = None
        if isinstance(task, PromptedGeneration) and order in ("grouped", "alternating"):
            raise ValueError(
                f"--model.order {order}: goes by classes, which answers to questions do not have; "
                f"use drawn or reversed"
            )

    @property
    def retrieves(self) -> bool:
        """Whether each row has examples of its own, those nearest to it."""
        return self.selection in ("bm25", "embeddings")

    @property
    def template(self) -> Template:
        """The template of an example."""
        task = self.task
        return task.encoding.template if isinstance(task, PromptedGeneration) else task.template

    def draw(self, data: LabelledData, classes: int, seed: int) -> None:
        """Read the training rows, and choose those that all prompts show.

        Raises:
            ValueError: If there are fewer rows than examples.
        """
        self.pool = training_examples(self.task, data)
        if self.shots > len(self.pool):
            where = f" in {origin}" if (origin := getattr(data, "origin", "")) else ""
            raise ValueError(
                f"--model.shots {self.shots}: {len(self.pool):,} training rows{where}: give fewer"
            )
        self._retrieve = None
        self.chosen = []
        if not self.retrieves:
            labels = [example.label for example in self.pool]
            classified = isinstance(self.task, PromptedClassification)
            balanced = classified and self.selection == "balanced"
            drawn = demonstrations.sample(labels, self.shots, classes if balanced else 0, seed)
            self.chosen = demonstrations.arrange(drawn, labels, self.order)

    def prefixes(self, rows: Sequence[Mapping[str, Any]]) -> list[str]:
        """Return the solved examples before each of these rows, as text.

        Raises:
            ValueError: If no training rows are known.
        """
        if not self.pool:
            raise ValueError(
                f"--model.shots {self.shots}: draws training rows: validate or test with a data "
                f"module first, or load a checkpoint that was saved after that"
            )
        if not self.retrieves:
            return [self.prefix(self.chosen)] * len(rows)
        if self._retrieve is None:
            texts = [example.text for example in self.pool]
            self._retrieve = demonstrations.retriever(self.selection, texts, self.embedder)
        labels = [example.label for example in self.pool]
        nearest = self._retrieve([text_of(row) for row in rows], self.shots + 1)
        prefixes = []
        for row, found in zip(rows, nearest, strict=True):  # none is the row itself
            others = [place for place in found if self.pool[place].row != row][: self.shots]
            places = demonstrations.arrange(others, labels, self.order)
            prefixes.append(self.prefix(places))
        return prefixes

    def prefix(self, places: Sequence[int]) -> str:
        """Return the text of these examples of the pool, solved."""
        return "".join(map(self._solved, places))

    def _solved(self, place: int) -> str:
        example = self.pool[place]
        return f"{self.template.render(example.row).fill(example.answer)}\n\n"

    def check_room(self, data: LabelledData, origin: str) -> None:
        """Refuse more examples than fit into the context of a network beside the longest text.

        Of a question about a context, only the question has to fit: the context is shortened.

        Raises:
            ValueError: If they do not fit.
        """
        task, places = self.task, self.chosen
        if self.retrieves:  # any of them may be chosen: the longest ones
            longest = sorted(range(len(self.pool)), key=lambda n: -len(self._solved(n)))
            places = longest[: self.shots]
        if isinstance(task, PromptedGeneration):
            tokenizer, most = task.encoding.tokenizer, task.encoding.most_tokens
            room, beside = most - least_room(task, data), "question and its answer"
        else:
            tokenizer, most = task.tokenizer, task.max_prompt_tokens
            room = most - task.overhead - (size := data.max_row_length())
            beside = f"text, of {size} (--data.max_length cuts it)"
        texts = list(map(self._solved, places))
        ids = tokenizer(texts, add_special_tokens=False, verbose=False)["input_ids"]
        sizes = [len(part) for part in ids]
        self.tokens = sum(sizes)
        if isinstance(task, PromptedGeneration):
            task.encoding.selected_tokens = self.tokens
        if self.tokens > room:
            fit = next(n for n in range(len(sizes) + 1) if sum(sizes[: n + 1]) > room)
            raise ValueError(
                f"--model.shots {self.shots}: {fit} fit into the {most:,} tokens that {origin} "
                f"reads, beside instruction, template and the longest {beside}"
            )

    def state(self) -> dict[str, Any]:
        """Return what a checkpoint keeps: the examples that are shown, or all of the pool."""
        kept = range(len(self.pool)) if self.retrieves else self.chosen
        examples = [tuple(self.pool[place]) for place in kept] if self.pool else []
        return {"examples": examples, "example_tokens": self.tokens}

    def restore(self, checkpoint: Mapping[str, Any]) -> None:
        """Take the examples of a checkpoint."""
        self.pool = [Example(*example) for example in checkpoint["examples"]]
        self.chosen = [] if self.retrieves else list(range(len(self.pool)))
        self.tokens, self._retrieve = checkpoint["example_tokens"], None
