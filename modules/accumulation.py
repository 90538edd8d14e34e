"""Several batches, on one device or several, with the gradient of one large batch."""

import torch
from lightning.pytorch import LightningModule
from torch import Tensor


class Shares:
    """Weighs each batch of an optimizer step by its rows (or tokens).

    Lightning averages over batches and devices, so that a row of a small batch would count for
    more than one of a large batch. With one batch a step there is nothing to weigh.
    """

    def __init__(self) -> None:
        self.total: Tensor | int = 0

    def weigh(self, module: LightningModule, loss: Tensor, size: Tensor | int) -> Tensor:
        """The loss to send backward, from the mean ``loss`` over ``size`` rows or tokens."""
        if module.trainer.accumulate_grad_batches * module.trainer.world_size == 1:
            return loss
        self.total = self.total + size
        return loss * size

    def settle(self, module: LightningModule) -> None:
        """Divide the gradients by all that went into them. Call it once before each step."""
        trainer = module.trainer
        averaged_over = trainer.accumulate_grad_batches * trainer.world_size
        if averaged_over == 1:
            return
        total = torch.as_tensor(self.total, dtype=torch.float32, device=module.device)
        total = trainer.strategy.reduce(total, reduce_op="sum")
        self.total = 0
        gradients = [p.grad for p in module.parameters() if p.grad is not None]
        torch._foreach_mul_(gradients, averaged_over / total)


def guesses(example: dict[str, Tensor]) -> Tensor | int:
    """How many tokens an objective's example asks for: what its mean loss is over."""
    targets = example.get("masked", example).get("targets")
    return example["attention_mask"].sum() if targets is None else len(targets)
