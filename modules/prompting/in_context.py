"""Examples in the prompt."""

from jsonargparse.typing import NonNegativeInt, PositiveInt
from lightning.pytorch import LightningDataModule

from datamodules.batches import LabelledBatch
from modules.prompting import demonstrations
from modules.prompting.base import PromptingModule


class InContext(PromptingModule):
    """Solved examples of the training split stand before the question (Brown et al. 2020).

    Where they are the same for all rows, their keys and values are computed once.

    Args:
        shots: how many examples.
        selection: random; balanced over the classes; or those nearest to each text, by bm25
            (Robertson & Zaragoza 2009) or by embeddings (Liu et al. 2022).
        order: drawn is that of the selection, nearest first; reversed ends with the nearest;
            grouped has one class after the other; alternating has them take turns (Lu et al. 2022).
        embedder: sentence encoder for embeddings; its tokens are averaged.
        seed: of the selection; the run's on the command line.
    """

    def __init__(
        self,
        shots: PositiveInt = 4,
        selection: demonstrations.Selection = "balanced",
        order: demonstrations.Order = "drawn",
        embedder: str = "minilm",
        seed: NonNegativeInt = 0,
        **kwargs,
    ) -> None:
        super().__init__(**kwargs)
        self.shots, self.selection, self.order = shots, selection, order
        self.embedder, self.seed = embedder, seed
        self.chosen: list[int] = []  # rows of the training split, where all prompts have the same
        self._nearest: demonstrations.Nearest | None = None
        self._longest = 0
        if self._near and self.calibration == "texts":
            raise ValueError(
                f"--model.calibration texts: would score 128 texts for every row, as {selection} "
                f"chooses examples of its own for each; use content_free"
            )

    @property
    def _near(self) -> bool:
        return self.selection in ("bm25", "embeddings")

    def attach_datamodule(self, data: LightningDataModule) -> None:
        if data is self.data:
            return
        super().attach_datamodule(data)
        columns, self.labels = data.texts_of("train"), data.dataset.splits["train"].labels
        names = self.task.template.columns
        self.task.check(list(columns))
        self.pool = [
            dict(zip(names, row, strict=True))
            for row in zip(*(columns[name] for name in names), strict=True)
        ]
        if self.shots > len(self.pool):
            raise ValueError(f"--model.shots {self.shots}: {len(self.pool):,} training rows")
        self._nearest = None
        if self._near:
            self.chosen = []
        else:
            classes = len(self.task.labels) if self.selection == "balanced" else 0
            drawn = demonstrations.draw(self.labels, self.shots, classes, self.seed)
            self.chosen = demonstrations.ordered(drawn, self.labels, self.order)
        self._fit(data.longest())

    def longest_lead(self) -> int:
        return self._longest

    def leads(self, batch: LabelledBatch) -> list[str]:
        count = len(batch["index"])
        if not self._near:
            return [self.lead(self.chosen)] * count
        if self._nearest is None:
            texts = ["\n".join(row.values()) for row in self.pool]
            self._nearest = demonstrations.nearest(self.selection, texts, self.embedder)
        columns = [batch["columns"][name] for name in self.task.template.columns]
        asked = ["\n".join(row) for row in zip(*columns, strict=True)]
        found = self._nearest(asked, self.shots)
        return [self.lead(demonstrations.ordered(rows, self.labels, self.order)) for rows in found]

    def lead(self, rows: list[int]) -> str:
        """These training rows as solved examples."""
        return "".join(f"{self._solved(row)}\n\n" for row in rows)

    def _solved(self, row: int) -> str:
        return self.task.template.render(self.pool[row]).answered(self.task.words[self.labels[row]])

    def _fit(self, longest: int) -> None:
        """Refuse more examples than the context holds beside the longest text."""
        if self._near:  # any of them may be chosen: the longest ones
            rows = sorted(
                range(len(self.pool)), key=lambda row: -sum(map(len, self.pool[row].values()))
            )
            rows = rows[: self.shots]
        else:
            rows = self.chosen
        texts = [f"{self._solved(row)}\n\n" for row in rows]
        ids = self.task.tokenizer(texts, add_special_tokens=False, verbose=False)["input_ids"]
        room, sizes = self.task.room - self.task.overhead - longest, [len(part) for part in ids]
        self._longest = sum(sizes)
        if self._longest > room:
            fit = next(n for n in range(len(sizes) + 1) if sum(sizes[: n + 1]) > room)
            raise ValueError(
                f"--model.shots {self.shots}: {fit} fit into the {self.task.room:,} tokens that "
                f"{self.origin} reads, beside instruction, template and the longest text, of "
                f"{longest} (--data.max_length cuts it)"
            )
