"""Instruction tuning on chats."""

from typing import Any, Literal

import torch
from torch import Tensor, nn
from torchmetrics import Metric, MetricCollection

from datamodules.batches import InstructionBatch
from modules import generation
from modules.backbones import unwrap
from modules.cross_entropy import chunked_cross_entropy
from modules.pretraining.output_layer import hidden_at
from modules.prompting.scoring import label_scores
from modules.tasks import pretrained_lm
from modules.tasks.base import Task

_IGNORED = -100  # where there is nothing to learn


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
        model, masked = pretrained_lm.build(self, backbone, dropout)
        if masked:
            raise ValueError(
                f"--model.task InstructionFollowing: {backbone} is an encoder; it takes a decoder, "
                f"such as --model.backbone smollm2"
            )
        self._bare_logits = _has_bare_logits(model)
        return model

    def check_columns(self, columns: list[str]) -> None:
        if "messages" not in columns:
            raise ValueError(
                "--model.task InstructionFollowing: needs chats, as experiments/"
                "instruction_tuning.py reads them"
            )

    def prepare(self, batch: InstructionBatch, training: bool) -> InstructionBatch:
        """Add ``labels`` (B, T): the next token, -100 where it is not learned."""
        labels_BT = batch["input_ids"].where(batch["supervised"], _IGNORED).roll(-1, 1)
        labels_BT[:, -1] = _IGNORED
        return {**batch, "labels": labels_BT}

    def logits(self, model: Any, batch: InstructionBatch) -> Tensor:
        """Return two sums over the learned tokens, (2,): negative log-likelihood, and right ones.

        The logits themselves would be the largest tensor of all, and nothing reads them.
        """
        inputs: dict[str, Any] = {"input_ids": batch["input_ids"], "use_cache": False}
        # Without a mask, positions that begin anew make transformers keep conversations apart in
        # every kind of attention; padding comes after all that counts.
        if "position_ids" in batch:
            inputs["position_ids"] = batch["position_ids"]
        else:
            inputs["attention_mask"] = batch["attention_mask"]
        places_BT = batch["labels"] != _IGNORED
        targets_N = batch["labels"][places_BT]
        if self._bare_logits:
            hidden_NH = hidden_at(model, places_BT, **inputs)[0]
            inner = unwrap(model)
            head = inner.get_output_embeddings()
            total, right = chunked_cross_entropy(hidden_NH, head.weight, head.bias, targets_N)
        else:
            logits_NV = model(**inputs).logits[:, -places_BT.shape[1] :][places_BT].float()
            total = nn.functional.cross_entropy(logits_NV, targets_N, reduction="sum")
            right = (logits_NV.argmax(1) == targets_N).sum()
        return torch.stack([total, right.to(total.dtype)])

    def loss(self, logits: Tensor, batch: InstructionBatch) -> Tensor:
        return logits[0] / self.num_targets(batch).clamp(min=1)

    def num_targets(self, batch: InstructionBatch) -> Tensor:
        return (batch["labels"] != _IGNORED).sum()

    def metrics(self, stage: Literal["train", "val", "test"]) -> MetricCollection:
        if stage == "train":
            return MetricCollection({})
        return MetricCollection(
            {"perplexity": PerplexityOfSums(), "token_accuracy": TokenAccuracy()}
        )

    # For the callbacks that look at the model's answers.
    generate = staticmethod(generation.generate)
    label_scores = staticmethod(label_scores)


@torch.no_grad()
def _has_bare_logits(model: Any) -> bool:
    """Tell whether the logits are the output layer's: some models scale or cap them after it."""
    ids_BT = torch.tensor([[1, 2, 3]], device=model.device)
    wanted = model(input_ids=ids_BT, use_cache=False).logits
    hidden_NH = hidden_at(model, torch.ones_like(ids_BT, dtype=torch.bool), input_ids=ids_BT)[0]
    head = model.get_output_embeddings()
    return torch.allclose(head(hidden_NH)[None], wanted, atol=1e-3, rtol=1e-3)


class _TokenMean(Metric):
    """Computes the mean over the learned tokens of all batches."""

    place: int  # of the sum in the task's logits
    total: Tensor
    count: Tensor

    def __init__(self) -> None:
        super().__init__()
        for name in ("total", "count"):
            self.add_state(name, torch.zeros((), dtype=torch.float64), dist_reduce_fx="sum")

    def update(self, sums: Tensor, labels: Tensor) -> None:
        """Add a batch: the task's logits, (2,), and its labels, (B, T)."""
        self.total += sums[self.place]
        self.count += (labels != _IGNORED).sum()

    def mean(self) -> Tensor:
        """Return the mean, a scalar."""
        return self.total / self.count.clamp(min=1)


class PerplexityOfSums(_TokenMean):
    """Computes exp of the mean negative log-likelihood of the learned tokens."""

    place = 0

    def compute(self) -> Tensor:
        return self.mean().exp().float()


class TokenAccuracy(_TokenMean):
    """Computes the share of the learned tokens that have the highest logit."""

    place = 1

    def compute(self) -> Tensor:
        return self.mean().float()
