"""In-context learning: solved examples in the prompt."""

from collections.abc import Mapping, Sequence
from typing import Any

from jsonargparse.typing import NonNegativeInt, PositiveInt

from datamodules.batches import LabelledBatch
from modules.prompting import demonstrations
from modules.prompting.base import PromptingModule
from modules.prompting.pool import Example, text_of, training_examples
from modules.prompts.templates import Template
from modules.protocols import LabelledData
from modules.tasks.prompted_classification import PromptedClassification
from modules.tasks.prompted_generation import PromptedGeneration
from modules.tasks.solved_questions import least_room
from modules.tuning import Tuned


class InContext(PromptingModule):
    """Puts solved examples of the training split before the question (Brown et al. 2020).

    Where they are the same for all rows, their keys and values are computed once.

    Args:
        shots: Number of examples.
        selection: Choice of the examples: random; balanced over the classes, which is random where
            there are none; or those nearest to each text, by bm25 (Robertson & Zaragoza 2009) or by
            embeddings (Liu et al. 2022).
        order: drawn is that of the selection, nearest first; reversed ends with the nearest;
            grouped has one class after the other; alternating has them take turns (Lu et al. 2022).
        embedder: Sentence encoder for embeddings; its tokens are averaged.
        seed: Seed of the selection; the run's on the command line.
    """

    tuned = (
        Tuned("data.batch_tokens", 8192, "experiments/prompting_sst2.py: 29 s for four examples"),
    )

    def __init__(
        self,
        shots: PositiveInt = 4,
        selection: demonstrations.Selection = "balanced",
        order: demonstrations.Order = "drawn",
        embedder: str = "minilm",
        seed: NonNegativeInt = 0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.shots, self.selection, self.order = shots, selection, order
        self.embedder, self.seed = embedder, seed
        self.pool: list[Example] = []
        self.chosen: list[int] = []  # places in the pool, where all prompts have the same
        self._retrieve: demonstrations.Retriever | None = None
        self._demonstration_tokens = 0
        if self._retrieves and self.calibration == "texts":
            raise ValueError(
                f"--model.calibration texts: would score 128 texts for every row, as {selection} "
                f"chooses examples of its own for each; use content_free"
            )
        if isinstance(self.task, PromptedGeneration):
            if order in ("grouped", "alternating"):
                raise ValueError(
                    f"--model.order {order}: goes by classes, which answers to questions do not "
                    f"have; use drawn or reversed"
                )
            self.task.encoding.selector = self.prefixes_of

    @property
    def _retrieves(self) -> bool:
        return self.selection in ("bm25", "embeddings")

    @property
    def _template(self) -> Template:
        task = self.task
        return task.encoding.template if isinstance(task, PromptedGeneration) else task.template

    def attach_datamodule(self, data: LabelledData) -> None:
        if data is self.data:
            return
        super().attach_datamodule(data)
        self.task.check_columns(list(data.texts_of("train")))
        self.pool = training_examples(self.task, data)
        if self.shots > len(self.pool):
            where = f" in {origin}" if (origin := getattr(data, "origin", "")) else ""
            raise ValueError(
                f"--model.shots {self.shots}: {len(self.pool):,} training rows{where}: give fewer"
            )
        self._retrieve = None
        self.chosen = []
        if not self._retrieves:
            labels = [example.label for example in self.pool]
            classified = isinstance(self.task, PromptedClassification)
            balanced = classified and self.selection == "balanced"
            classes = len(self.label_names) if balanced else 0
            drawn = demonstrations.sample(labels, self.shots, classes, self.seed)
            self.chosen = demonstrations.arrange(drawn, labels, self.order)
        self._check_shots_fit(data)

    def max_demonstration_tokens(self) -> int:
        return self._demonstration_tokens

    def demonstration_prefixes(self, batch: LabelledBatch) -> list[str]:
        count = len(batch["index"] if "index" in batch else batch["input_ids"])
        if not self._retrieves:  # which reads no texts
            return self.prefixes_of([{}] * count)
        names = self._template.columns
        columns = [batch["columns"][name] for name in names]
        return self.prefixes_of(
            [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]
        )

    def prefixes_of(self, rows: Sequence[Mapping[str, Any]]) -> list[str]:
        """Return the solved examples before each of these rows, as text.

        Raises:
            ValueError: If no training rows are known.
        """
        if not self.pool:
            raise ValueError(
                f"--model.shots {self.shots}: draws training rows: validate or test with a data "
                f"module first, or load a checkpoint that was saved after that"
            )
        if not self._retrieves:
            return [self.demonstration_prefix(self.chosen)] * len(rows)
        if self._retrieve is None:
            texts = [example.text for example in self.pool]
            self._retrieve = demonstrations.retriever(self.selection, texts, self.embedder)
        labels = [example.label for example in self.pool]
        nearest = self._retrieve([text_of(row) for row in rows], self.shots + 1)
        prefixes = []
        for row, found in zip(rows, nearest, strict=True):  # none is the row itself
            others = [place for place in found if self.pool[place].row != row][: self.shots]
            places = demonstrations.arrange(others, labels, self.order)
            prefixes.append(self.demonstration_prefix(places))
        return prefixes

    def demonstration_prefix(self, places: list[int]) -> str:
        """Return the text of these examples of the pool, solved."""
        return "".join(map(self._solved, places))

    def _solved(self, place: int) -> str:
        example = self.pool[place]
        return f"{self._template.render(example.row).fill(example.answer)}\n\n"

    def _check_shots_fit(self, data: LabelledData) -> None:
        """Refuse more examples than fit into the context beside the longest text.

        Of a question about a context, only the question has to fit: the context is shortened.
        """
        task, places = self.task, self.chosen
        if self._retrieves:  # any of them may be chosen: the longest ones
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
        self._demonstration_tokens = sum(sizes)
        if isinstance(task, PromptedGeneration):
            task.encoding.selected_tokens = self._demonstration_tokens
        if self._demonstration_tokens > room:
            fit = next(n for n in range(len(sizes) + 1) if sum(sizes[: n + 1]) > room)
            raise ValueError(
                f"--model.shots {self.shots}: {fit} fit into the {most:,} tokens that "
                f"{self.origin} reads, beside instruction, template and the longest {beside}"
            )

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Keep the examples: those that are shown, or all that can be chosen."""
        kept = range(len(self.pool)) if self._retrieves else self.chosen
        checkpoint["examples"] = [tuple(self.pool[place]) for place in kept] if self.pool else []
        checkpoint["example_tokens"] = self._demonstration_tokens

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        self.pool = [Example(*example) for example in checkpoint["examples"]]
        self.chosen = [] if self._retrieves else list(range(len(self.pool)))
        self._demonstration_tokens, self._retrieve = checkpoint["example_tokens"], None
