"""Instruction tuning on chats."""

from typing import Any, Literal

from torch import Tensor
from torchmetrics import MetricCollection

from datamodules.batches import InstructionBatch
from modules import generation
from modules.prompts.scoring import label_scores
from modules.tasks import pretrained_lm, token_sums
from modules.tasks.base import Task


class InstructionFollowing(Task[InstructionBatch]):
    """Trains a decoder on the responses of chats (Wei et al. 2022, Ouyang et al. 2022).

    The output layer runs on their tokens alone. Several batches a step, and several devices, weigh
    by the number of these tokens.

    Args:
        chat_template: Template that the chats are written in, which an export takes along; the
            data's on the command line.
    """

    monitor, mode, label_kind = "val/loss", "min", "none"
    batch_keys = ("input_ids", "attention_mask", "supervised")

    def __init__(self, chat_template: str | None = None) -> None:
        self.chat_template = chat_template

    def arguments(self) -> dict[str, Any]:
        return {"chat_template": self.chat_template}

    def build(self, backbone: str, dropout: float | None = None) -> Any:
        return pretrained_lm.build_decoder(self, backbone, dropout)

    def check_columns(self, columns: list[str]) -> None:
        if "messages" not in columns:
            raise ValueError(
                "--model.task InstructionFollowing: needs chats, as experiments/"
                "instruction_tuning.py reads them"
            )

    def prepare(self, batch: InstructionBatch, training: bool) -> InstructionBatch:
        """Add ``labels`` (B, T): the next token, -100 where it is not learned."""
        labels_BT = token_sums.next_tokens(batch["input_ids"], batch["supervised"])
        return {**batch, "labels": labels_BT}

    def logits(self, model: Any, batch: InstructionBatch) -> Tensor:
        """Return the sums over the learned tokens, (2,), of :func:`token_sums.token_sums`."""
        inputs: dict[str, Any] = {"input_ids": batch["input_ids"], "use_cache": False}
        # Padding comes after all that counts, so packed rows need no mask beside their positions.
        if "position_ids" in batch:
            inputs["position_ids"] = batch["position_ids"]
        else:
            inputs["attention_mask"] = batch["attention_mask"]
        return token_sums.token_sums(model, inputs, batch["labels"])

    def loss(self, logits: Tensor, batch: InstructionBatch) -> Tensor:
        return token_sums.mean_loss(logits, batch)

    def num_targets(self, batch: InstructionBatch) -> Tensor:
        return token_sums.num_tokens(batch)

    def metrics(self, stage: Literal["train", "val", "test"]) -> MetricCollection:
        return token_sums.token_metrics(stage)

    # For the callbacks that look at the model's answers.
    generate = staticmethod(generation.generate)
    label_scores = staticmethod(label_scores)
