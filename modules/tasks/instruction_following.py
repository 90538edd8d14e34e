"""Answering as the responses of a data set do."""

import torch
from torch import Tensor, nn
from torchmetrics import Metric, MetricCollection

from datamodules.batches import InstructionBatch
from modules import answering
from modules.backbones import unwrapped
from modules.cross_entropy import cross_entropy
from modules.pretraining.heads import represent
from modules.prompting.scoring import label_scores
from modules.tasks import language_models
from modules.tasks.base import Task

_IGNORED = -100  # where there is nothing to learn


class InstructionFollowing(Task):
    """A decoder learns the supervised tokens of chats (Wei et al. 2022, Ouyang et al. 2022).

    Only there is the output layer computed. Several batches a step, and several devices, weigh by
    their supervised tokens.

    Args:
        chat_template: that the chats are written in, which an export takes along; the data's on
            the command line.
    """

    monitor, mode, label_kind = "val/loss", "min", "none"

    def __init__(self, chat_template: str | None = None) -> None:
        self.chat_template = chat_template

    def arguments(self) -> dict:
        return {"chat_template": self.chat_template}

    def build(self, backbone: str, dropout: float | None = None) -> nn.Module:
        model, masked = language_models.build(self, backbone, dropout)
        if masked:
            raise ValueError(
                f"--model.task InstructionFollowing: {backbone} is an encoder; it takes a decoder, "
                f"such as --model.backbone smollm2"
            )
        self._plain = _is_plain(model)
        return model

    def check(self, columns: list[str]) -> None:
        if "messages" not in columns:
            raise ValueError(
                "--model.task InstructionFollowing: needs chats, as experiments/"
                "instruction_tuning.py reads them"
            )

    def prepare(self, batch: InstructionBatch, training: bool) -> InstructionBatch:
        """``labels`` (B, T): the token that each place predicts, -100 where it is not learned."""
        labels_BT = batch["input_ids"].where(batch["supervised"], _IGNORED).roll(-1, 1)
        labels_BT[:, -1] = _IGNORED
        return {**batch, "labels": labels_BT}

    def logits(self, model: nn.Module, batch: InstructionBatch) -> Tensor:
        """Summed negative log-probability of the learned tokens, and how many are guessed, (2,).

        The logits themselves would be the largest tensor of all, and nothing reads them.
        """
        inputs = {"input_ids": batch["input_ids"], "use_cache": False}
        # Without a mask, positions that begin anew make transformers keep conversations apart in
        # every kind of attention; padding comes after all that counts.
        key = "position_ids" if "position_ids" in batch else "attention_mask"
        inputs[key] = batch[key]
        places_BT = batch["labels"] != _IGNORED
        targets_N = batch["labels"][places_BT]
        if self._plain:
            hidden_NH = represent(model, places_BT, **inputs)[0]
            inner = unwrapped(model)
            head = inner.get_output_embeddings()
            total, right = cross_entropy(hidden_NH, head.weight, head.bias, targets_N)
        else:
            logits_NV = model(**inputs).logits[:, -places_BT.shape[1] :][places_BT].float()
            total = nn.functional.cross_entropy(logits_NV, targets_N, reduction="sum")
            right = (logits_NV.argmax(1) == targets_N).sum()
        return torch.stack([total, right.to(total.dtype)])

    def loss(self, logits: Tensor, batch: InstructionBatch) -> Tensor:
        return logits[0] / self.size(batch).clamp(min=1)

    def size(self, batch: InstructionBatch) -> Tensor:
        return (batch["labels"] != _IGNORED).sum()

    def metrics(self, stage: str) -> MetricCollection:
        if stage == "train":
            return MetricCollection({})
        return MetricCollection(
            {"perplexity": PerplexityOfSums(), "token_accuracy": GuessedTokens()}
        )

    # What callbacks ask of a model that has been taught so.
    generate = staticmethod(answering.generate)
    answer_scores = staticmethod(label_scores)


@torch.no_grad()
def _is_plain(model: nn.Module) -> bool:
    """Whether the logits are the output layer's as they are: some scale or cap them after it."""
    ids_BT = torch.tensor([[1, 2, 3]], device=model.device)
    wanted = model(input_ids=ids_BT, use_cache=False).logits
    hidden_NH = represent(model, torch.ones_like(ids_BT, dtype=torch.bool), input_ids=ids_BT)[0]
    head = model.get_output_embeddings()
    return torch.allclose(head(hidden_NH)[None], wanted, atol=1e-3, rtol=1e-3)


class _OfTokens(Metric):
    """Sums over the learned tokens of all batches."""

    place: int  # in what ``logits`` gives

    def __init__(self) -> None:
        super().__init__()
        for name in ("total", "count"):
            self.add_state(name, torch.zeros((), dtype=torch.float64), dist_reduce_fx="sum")

    def update(self, sums: Tensor, labels: Tensor) -> None:
        self.total += sums[self.place]
        self.count += (labels != _IGNORED).sum()

    def mean(self) -> Tensor:
        return self.total / self.count.clamp(min=1)


class PerplexityOfSums(_OfTokens):
    """exp of the mean negative log-probability of the learned tokens."""

    place = 0

    def compute(self) -> Tensor:
        return self.mean().exp().float()


class GuessedTokens(_OfTokens):
    """Share of the learned tokens that have the highest logit."""

    place = 1

    def compute(self) -> Tensor:
        return self.mean().float()
