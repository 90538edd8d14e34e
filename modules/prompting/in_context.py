"""In-context learning: solved examples in the prompt."""

from typing import Any

from jsonargparse.typing import NonNegativeInt, PositiveInt

from datamodules.batches import LabelledBatch
from modules.prompting import demonstrations
from modules.prompting.base import PromptingModule
from modules.protocols import LabelledData
from modules.tuning import Tuned


class InContext(PromptingModule):
    """Puts solved examples of the training split before the question (Brown et al. 2020).

    Where they are the same for all rows, their keys and values are computed once.

    Args:
        shots: Number of examples.
        selection: Choice of the examples: random; balanced over the classes; or those nearest to
            each text, by bm25 (Robertson & Zaragoza 2009) or by embeddings (Liu et al. 2022).
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
        self.chosen: list[int] = []  # rows of the training split, where all prompts have the same
        self._retrieve: demonstrations.Retriever | None = None
        self._demonstration_tokens = 0
        if self._retrieves and self.calibration == "texts":
            raise ValueError(
                f"--model.calibration texts: would score 128 texts for every row, as {selection} "
                f"chooses examples of its own for each; use content_free"
            )

    @property
    def _retrieves(self) -> bool:
        return self.selection in ("bm25", "embeddings")

    def attach_datamodule(self, data: LabelledData) -> None:
        if data is self.data:
            return
        super().attach_datamodule(data)
        columns, self.labels = data.texts_of("train"), data.dataset.splits["train"].labels
        names = self.task.template.columns
        self.task.check_columns(list(columns))
        self.pool = [
            dict(zip(names, row, strict=True))
            for row in zip(*(columns[name] for name in names), strict=True)
        ]
        if self.shots > len(self.pool):
            raise ValueError(f"--model.shots {self.shots}: {len(self.pool):,} training rows")
        self._retrieve = None
        if self._retrieves:
            self.chosen = []
        else:
            classes = len(self.task.labels) if self.selection == "balanced" else 0
            drawn = demonstrations.sample(self.labels, self.shots, classes, self.seed)
            self.chosen = demonstrations.arrange(drawn, self.labels, self.order)
        self._check_shots_fit(data.max_row_length())

    def max_demonstration_tokens(self) -> int:
        return self._demonstration_tokens

    def demonstration_prefixes(self, batch: LabelledBatch) -> list[str]:
        count = len(batch["index"] if "index" in batch else batch["input_ids"])
        if not self._retrieves:
            return [self.demonstration_prefix(self.chosen)] * count
        if self._retrieve is None:
            texts = ["\n".join(row.values()) for row in self.pool]
            self._retrieve = demonstrations.retriever(self.selection, texts, self.embedder)
        columns = [batch["columns"][name] for name in self.task.template.columns]
        asked = ["\n".join(row) for row in zip(*columns, strict=True)]
        found = self._retrieve(asked, self.shots)
        return [
            self.demonstration_prefix(demonstrations.arrange(rows, self.labels, self.order))
            for rows in found
        ]

    def demonstration_prefix(self, rows: list[int]) -> str:
        """Return the text of these training rows as solved examples."""
        return "".join(f"{self._solved(row)}\n\n" for row in rows)

    def _solved(self, row: int) -> str:
        return self.task.template.render(self.pool[row]).fill(self.task.words[self.labels[row]])

    def _check_shots_fit(self, longest: int) -> None:
        """Refuse more examples than fit into the context beside the longest text."""
        if self._retrieves:  # any of them may be chosen: the longest ones
            rows = sorted(
                range(len(self.pool)), key=lambda row: -sum(map(len, self.pool[row].values()))
            )
            rows = rows[: self.shots]
        else:
            rows = self.chosen
        texts = [f"{self._solved(row)}\n\n" for row in rows]
        ids = self.task.tokenizer(texts, add_special_tokens=False, verbose=False)["input_ids"]
        room = self.task.max_prompt_tokens - self.task.overhead - longest
        sizes = [len(part) for part in ids]
        self._demonstration_tokens = sum(sizes)
        if self._demonstration_tokens > room:
            fit = next(n for n in range(len(sizes) + 1) if sum(sizes[: n + 1]) > room)
            raise ValueError(
                f"--model.shots {self.shots}: {fit} fit into the "
                f"{self.task.max_prompt_tokens:,} tokens that {self.origin} reads, beside "
                f"instruction, template and the longest text, of {longest} (--data.max_length "
                f"cuts it)"
            )
