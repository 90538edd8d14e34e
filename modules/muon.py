"""Muon for hidden matrices, with AdamW for all other parameters."""

from collections.abc import Callable
from typing import Any

import torch


class MuonWithAdamW(torch.optim.Optimizer):
    """Muon (Jordan et al. 2024) where a group has ``muon`` set, and AdamW elsewhere.

    Muon's steps are scaled to the size of AdamW's (Liu et al. 2025, arXiv:2502.16982), so that one
    learning rate serves both.

    Args:
        groups: Parameter groups; those with ``muon`` hold matrices of two dimensions alone.
        lr: Learning rate of the groups that have none.
        betas: Of AdamW; Muon's momentum is 0.95.
    """

    def __init__(self, groups: list[dict], lr: float, betas: tuple[float, float]) -> None:
        super().__init__(groups, {"lr": lr})
        self.betas = betas
        self._link()

    def _link(self) -> None:
        """Make both optimizers anew on the groups and the state of this one."""
        muon = [group for group in self.param_groups if group.get("muon")]
        rest = [group for group in self.param_groups if not group.get("muon")]
        lr = self.defaults["lr"]
        self.parts: list[torch.optim.Optimizer] = []
        if muon:
            self.parts.append(torch.optim.Muon(muon, lr, adjust_lr_fn="match_rms_adamw"))
        if rest:
            self.parts.append(torch.optim.AdamW(rest, lr, tuple(self.betas)))
        for part in self.parts:
            part.state = self.state

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Take a step of both."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for part in self.parts:
            part.step()
        return loss

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        super().load_state_dict(state_dict)
        self._link()
