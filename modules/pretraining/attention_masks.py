"""Rows of one batch that are read from left to right, beside rows that are read from both sides."""

from typing import Any

import torch
from torch import Tensor

from modules.causal_checks import probe_rows, probing, same
from modules.pretraining.network_checks import network_flag


def attention_mask(model: Any, mask_BT: Tensor, causal_B: Tensor) -> Tensor:
    """Make the attention mask of rows that are causal or not.

    Args:
        model: The network, which says by its attention what kind of mask it adds.
        mask_BT: bool, the tokens that are no padding.
        causal_B: bool, the rows whose tokens see none that come after them.

    Returns:
        (B, 1, T, T), true or 0 where the token of the row sees that of the column.
    """
    earlier_TT = torch.ones(mask_BT.shape[1], mask_BT.shape[1], device=mask_BT.device).tril().bool()
    seen_B1TT = (mask_BT[:, None, :] & (earlier_TT | ~causal_B[:, None, None]))[:, None]
    if model.config._attn_implementation == "sdpa":
        return seen_B1TT
    lowest = torch.finfo(model.dtype).min
    return torch.zeros_like(seen_B1TT, dtype=model.dtype).masked_fill(~seen_B1TT, lowest)


def check_attention(model: Any, hparams: Any, objective: str) -> None:
    """Refuse a network whose attention does not keep to such a mask.

    Raises:
        ValueError: If a causal row sees later tokens, or another row sees none, or if its layers
            have windows.
    """
    check_windows(model.config, hparams, objective)
    ids_BT = probe_rows(model, 1, 12).repeat(4, 1)
    ids_BT[[1, 3], 8:] = ids_BT[[1, 3], :4]  # other tokens at the end of every second row
    causal_B = torch.tensor([True, True, False, False], device=ids_BT.device)
    with probing(model):
        mask = attention_mask(model, torch.ones_like(ids_BT).bool(), causal_B)
        try:
            logits_BTV = model(input_ids=ids_BT, attention_mask=mask).logits[:, :8]
        except (RuntimeError, ValueError, TypeError, IndexError):  # it takes no such mask
            logits_BTV = None
    fits = logits_BTV is not None and same(logits_BTV[0], logits_BTV[1])
    if not fits or same(logits_BTV[2], logits_BTV[3]):
        raise ValueError(
            f"{network_flag(hparams, model.config)}: {objective} reads rows from left to right "
            f"and from both sides, and its attention does only one of them; there are modernbert, "
            f"bert, electra, albert"
        )


def check_windows(config: Any, hparams: Any, objective: str) -> None:
    """Refuse layers with windows shorter than a row, which the mask of a whole row would open.

    Raises:
        ValueError: If there are such layers.
    """
    tokens = hparams["row_tokens"] + 2  # [CLS] and [SEP]
    windows = "sliding_attention" in (getattr(config, "layer_types", None) or ())
    if windows and config.sliding_window < tokens - 1:
        raise ValueError(
            f"{network_flag(hparams, config)}: its layers see {config.sliding_window} tokens on "
            f"each side, which {objective} cannot keep to in rows of {tokens}: give a shorter "
            f"--data.row_tokens, or a network without such windows"
        )
