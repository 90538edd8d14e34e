"""Gradients of several batches, on one device or several, equal to that of one large batch."""

import torch
from lightning.pytorch import LightningModule
from torch import Tensor


class TokenWeightedAccumulation:
    """Weighs each batch of an optimizer step by the number of its targets: rows or tokens.

    Lightning averages over batches and devices, so that a row of a small batch would count for
    more than one of a large batch. With one batch a step there is nothing to weigh.
    """

    def __init__(self) -> None:
        self.total: Tensor | int = 0

    def scale_loss(self, module: LightningModule, loss: Tensor, count: Tensor | int) -> Tensor:
        """Return the loss to send backward, from the mean ``loss`` over ``count`` targets."""
        if module.trainer.accumulate_grad_batches * module.trainer.world_size == 1:
            return loss
        self.total = self.total + count
        return loss * count

    def normalize_grads(self, module: LightningModule) -> None:
        """Divide the gradients by the number of targets. Call it once before each step."""
        trainer = module.trainer
        averaged_over = trainer.accumulate_grad_batches * trainer.world_size
        if averaged_over == 1:
            return
        total = torch.as_tensor(self.total, dtype=torch.float32, device=module.device)
        total = trainer.strategy.reduce(total, reduce_op="sum")
        self.total = 0
        gradients = [p.grad for p in module.parameters() if p.grad is not None]
        # A step without any target has gradients of 0, and 0 targets to divide them by.
        torch._foreach_mul_(gradients, averaged_over / total.clamp(min=1))
