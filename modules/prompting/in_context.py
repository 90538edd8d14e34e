"""In-context learning: solved examples in the prompt."""

from typing import Any

from jsonargparse.typing import NonNegativeInt, PositiveInt

from datamodules.batches import LabelledBatch
from datamodules.unread import Unread
from modules.prompting import demonstrations
from modules.prompting.base import PromptingModule
from modules.prompting.solved_examples import SolvedExamples
from modules.protocols import LabelledData
from modules.tasks.prompted_generation import PromptedGeneration
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

    unread = (Unread(("embedder",), "selection", "embeddings".__ne__),)

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
        self.seed = seed
        self.examples = SolvedExamples(self.task, shots, selection, order, embedder)
        if self.examples.retrieves and self.calibration == "texts":
            raise ValueError(
                f"--model.calibration texts: would score 128 texts for every row, as {selection} "
                f"chooses examples of its own for each; use content_free"
            )
        if isinstance(self.task, PromptedGeneration):
            self.task.encoding.selector = self.examples.prefixes

    def attach_datamodule(self, data: LabelledData) -> None:
        if data is self.data:
            return
        super().attach_datamodule(data)
        self.task.check_columns(list(data.texts_of("train")))
        self.examples.draw(data, len(self.label_names), self.seed)
        self.examples.check_room(data, self.origin)

    def max_demonstration_tokens(self) -> int:
        return self.examples.tokens

    def demonstration_prefixes(self, batch: LabelledBatch) -> list[str]:
        count = len(batch["index"] if "index" in batch else batch["input_ids"])
        if not self.examples.retrieves:  # which reads no texts
            return self.examples.prefixes([{}] * count)
        names = self.examples.template.columns
        columns = [batch["columns"][name] for name in names]
        return self.examples.prefixes(
            [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]
        )

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Keep the examples: those that are shown, or all that can be chosen."""
        checkpoint |= self.examples.state()

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        self.examples.restore(checkpoint)
