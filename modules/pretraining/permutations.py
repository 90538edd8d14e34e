"""Attention by a factorisation order, for permutation language modeling."""

import torch
from torch import Tensor

from modules.pretraining.rows import round_up_to_multiple


def permutation_mask(order_BT: Tensor, targets_BT: Tensor) -> Tensor:
    """Mask attention by a factorisation order.

    A token that is not predicted is seen by all. One that is predicted is seen only by those that
    come later in the order, so not by itself.

    Args:
        order_BT: The order of the tokens, any distinct numbers from 0 on.
        targets_BT: bool, the tokens that are predicted.

    Returns:
        (B, T, T) bool, true where the token of the row must not see the token of the column.
    """
    # Those that are not predicted come first: they see each other and none of the others.
    looks_BT = order_BT.masked_fill(~targets_BT, -1)
    seen_BT = order_BT.masked_fill(~targets_BT, -2)
    return seen_BT[:, None, :] >= looks_BT[:, :, None]


def target_mapping(targets_BT: Tensor) -> tuple[Tensor, Tensor]:
    """Give each predicted token a query, as XLNet's argument ``target_mapping``.

    Returns:
        One-hot vectors of the predicted tokens, (B, N, T) with N a multiple of 8, and which of
        them are real, (B, N) bool.
    """
    number_BT = targets_BT.cumsum(1)  # of the predicted tokens, from 1 on
    most = round_up_to_multiple(max(1, int(number_BT[:, -1].max())))
    row, place = targets_BT.nonzero(as_tuple=True)
    query = number_BT[row, place] - 1
    shape = len(targets_BT), most, targets_BT.shape[1]
    one_hot_BNT = torch.zeros(shape, device=targets_BT.device)
    one_hot_BNT[row, query, place] = 1.0
    real_BN = torch.arange(most, device=targets_BT.device) < number_BT[:, -1:]
    return one_hot_BNT, real_BN
