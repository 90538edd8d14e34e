"""Texts that are written for texts: translations, summaries."""

from typing import Any, Literal

from jsonargparse.typing import NonNegativeFloat, PositiveInt
from torch import Tensor
from torchmetrics import MetricCollection

from datamodules.batches import PairBatch
from modules.tasks import pair_encoding, text_scores, token_sums, writing
from modules.tasks.base import Lengths, Task


class SequenceToSequence(Task[PairBatch]):
    """Writes a target text for a source text (Sutskever et al. 2014, Raffel et al. 2020).

    An encoder-decoder reads the source; a decoder continues a prompt with the target. Only the
    target has a loss. A test also writes texts, and scores them by ROUGE, BLEU and chrF.

    Args:
        template: Jinja over the column source, which the model reads; ``{{ source }}`` for an
            encoder-decoder by default, with a line "Output:" behind it for a decoder.
        written: Evaluations that write the targets: test, all (validation too), or none.
        max_new_tokens: Number of tokens after which a text that is written is cut.
        num_beams: Number of beams of beam search; 1 is greedy.
        length_penalty: Exponent of the length by which a beam's score is divided; more than 0
            favours long texts.
        temperature: Temperature of sampling; 0 takes the likeliest token.
        languages: Codes of a multilingual tokenizer for source and target, as en_XX,fr_XX.
    """

    monitor, mode, label_kind = "val/loss", "min", "none"
    batch_keys = ("columns",)

    def __init__(
        self,
        template: str | None = None,
        written: Literal["test", "all", "none"] = "test",
        max_new_tokens: PositiveInt = 64,
        num_beams: PositiveInt = 1,
        length_penalty: float = 1.0,
        temperature: NonNegativeFloat = 0.0,
        languages: str | None = None,
    ) -> None:
        self.encoding, self.written = pair_encoding.PairEncoding(template, languages), written
        self.stages = writing.STAGES[written]
        self.decoding = writing.Decoding(max_new_tokens, num_beams, length_penalty, temperature)
        writing.check(self.decoding)

    def arguments(self) -> dict[str, Any]:
        return {**self.encoding.arguments(), **self.decoding._asdict(), "written": self.written}

    def build(self, backbone: str, dropout: float | None = None) -> Any:
        return writing.build(self, backbone, dropout)

    def read_model(self, model: Any) -> None:
        """Count the tokens of a soft prompt among those that the model reads."""
        self.encoding.attach(self.encoding.tokenizer, model)

    def prompt_description(self) -> str:
        return self.encoding.description()

    def check_columns(self, columns: list[str]) -> None:
        self.encoding.check_columns(columns)

    def num_input_tokens(self, lengths: Lengths) -> Lengths:
        return (lengths + self.overhead).clip(max=self.encoding.most_tokens)

    def prepare(self, batch: PairBatch, training: bool) -> PairBatch:
        """Return the batch with the model's inputs, and ``labels`` (B, T): the tokens to write."""
        return self.encoding.prepare(batch)

    def logits(self, model: Any, batch: PairBatch) -> Tensor:
        """Return the sums over the targets' tokens, (2,), of :func:`token_sums.token_sums`."""
        return token_sums.token_sums(model, writing.inputs(model, batch), batch["labels"])

    def evaluation(self, model: Any, batch: PairBatch, stage: Literal["val", "test"]) -> dict:
        """Return the ``outputs`` and the ``references`` of a batch, where they are written."""
        return writing.evaluation(self, model, batch) if stage in self.stages else {}

    def metrics(self, stage: Literal["train", "val", "test"]) -> MetricCollection:
        return text_scores.written_metrics(stage, self.stages)

    loss = staticmethod(token_sums.mean_loss)  # type: ignore[assignment]  # they need no task
    num_targets = staticmethod(token_sums.num_tokens)  # type: ignore[assignment]
    score = staticmethod(text_scores.score)
