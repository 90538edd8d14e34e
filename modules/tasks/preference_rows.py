"""Log-likelihoods of the answers of a batch, and answers with another row's prompt."""

from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from datamodules.batches import PreferenceBatch
from modules.before_training import before_training
from modules.output_layer import run_at
from modules.tasks.preference_loss import Likelihoods
from modules.tasks.token_sums import IGNORED, next_tokens


def log_likelihoods(model: Any, ids_RT: Tensor, mask_RT: Tensor, targets_RT: Tensor) -> Tensor:
    """Return the summed log-likelihood of each row's targets, (R,) float32.

    Args:
        model: A language model of transformers, with or without a peft model around it.
        ids_RT: Token ids, int64, padded on the right.
        mask_RT: 1 for a token and 0 for padding, int64.
        targets_RT: What :func:`token_sums.next_tokens` gives.
    """
    here_RT = targets_RT != IGNORED
    targets_N, counts = targets_RT[here_RT], here_RT.sum(1).tolist()
    found = run_at(model, here_RT, input_ids=ids_RT, attention_mask=mask_RT, use_cache=False)
    if found.given_NH is None or found.layer.weight.requires_grad:
        # By rows, the gradient of a large matrix would be held as often as there are rows.
        losses_N = cross_entropy(found.logits().float(), targets_N, reduction="none")
        return -torch.stack([part.sum() for part in losses_N.split(counts)])
    parts = zip(found.given_NH.split(counts), targets_N.split(counts), strict=True)
    by_row = (type(found)(None, rows, None, found.layer).nll(targets) for rows, targets in parts)
    return -torch.stack([total for total, _ in by_row])


def mismatched(
    ids_RT: Tensor, mask_RT: Tensor, answer_RT: Tensor, step: int
) -> tuple[Tensor, Tensor, Tensor]:
    """Return each row's prompt with the answer of the row ``step`` places on.

    Args:
        ids_RT: Token ids, int64, padded on the right: a prompt and an answer in each row.
        mask_RT: 1 for a token and 0 for padding, int64.
        answer_RT: Whether a token is one of the answer, bool.
        step: The distance of the rows.

    Returns:
        Ids, mask and answer of the new rows, of the same shape; what does not fit is cut off.
    """
    rows, wide = ids_RT.shape
    prompts = torch.where(answer_RT.any(1), answer_RT.int().argmax(1), mask_RT.sum(1)).tolist()
    ids_out, mask_out = torch.zeros_like(ids_RT), torch.zeros_like(mask_RT)
    answer_out = torch.zeros_like(answer_RT)
    for row, prompt in enumerate(prompts):
        other = (row + step) % rows
        said = ids_RT[other][answer_RT[other]][: wide - prompt]
        ids_out[row, :prompt] = ids_RT[row, :prompt]
        ids_out[row, prompt : prompt + len(said)] = said
        mask_out[row, : prompt + len(said)] = 1
        answer_out[row, prompt : prompt + len(said)] = True
    return ids_out, mask_out, answer_out


def check_columns(columns: list[str], loss: str) -> None:
    """Refuse data without answers, and single answers where a loss compares two.

    Raises:
        ValueError: If they do not fit.
    """
    if "chosen" not in columns and "answer" not in columns:
        raise ValueError(
            "--model.task Preference: needs chosen and rejected answers, as experiments/dpo.py "
            "reads them"
        )
    check_couples("chosen" in columns, loss)


def check_couples(couples: bool, loss: str) -> None:
    """Refuse single answers where a loss compares two.

    Raises:
        ValueError: If they do not fit.
    """
    if not couples and loss != "kto":
        raise ValueError(
            f"--model.task.loss {loss}: reads a chosen and a rejected answer to each prompt, and "
            f"the data has single ones; give --model.task.loss kto"
        )


def with_targets(batch: PreferenceBatch, drift: bool) -> PreferenceBatch:
    """Add ``targets`` (R, T), of :func:`token_sums.next_tokens`, and ``labels`` for the metrics.

    Args:
        batch: R rows.
        drift: Whether to add ``other``, each prompt with the answer to another one: ids, mask and
            targets, (R, T) each. A batch of one prompt has none.
    """
    ids_RT, mask_RT = batch["input_ids"], batch["attention_mask"]
    answer_RT, good = batch["supervised"], batch["desirable"]
    made: PreferenceBatch = {
        **batch,
        "targets": next_tokens(ids_RT, answer_RT),
        "labels": good,
    }
    if drift and good.shape[-1] > 1:
        ids_RT, mask_RT, answer_RT = mismatched(ids_RT, mask_RT, answer_RT, 1)
        made["other"] = ids_RT, mask_RT, next_tokens(ids_RT, answer_RT)
    return made


def num_targets(batch: PreferenceBatch, loss: str) -> Tensor | int:
    """Return the number of couples or answers; of sft, of the tokens of good answers."""
    if loss == "sft":
        return (batch["targets"] != IGNORED).sum(1)[batch["desirable"].flatten() > 0].sum()
    return batch["desirable"].shape[-1]


def likelihoods(model: Any, batch: PreferenceBatch, reference: bool = True) -> Likelihoods:
    """Return the log-likelihoods of the answers, (2, B) each of couples or (R,).

    Args:
        model: A language model of transformers, with or without a peft model around it.
        batch: What :func:`with_targets` gives.
        reference: Whether to run the network as it was before the training; the column is 0 if not.
    """
    rows = batch["input_ids"], batch["attention_mask"], batch["targets"]
    counts_R = (batch["targets"] != IGNORED).sum(1).float()
    reference_R, drift_R = torch.zeros_like(counts_R), torch.zeros_like(counts_R)
    if reference:
        with before_training(model):
            reference_R = log_likelihoods(model, *rows)
            if "other" in batch:
                drift_R -= log_likelihoods(model, *batch["other"])
    if "other" in batch:
        with torch.no_grad():
            drift_R += log_likelihoods(model, *batch["other"])
    found = Likelihoods(log_likelihoods(model, *rows), reference_R, counts_R, drift_R)
    shape = tuple(batch["desirable"].shape)
    return Likelihoods(*(column.unflatten(0, shape) for column in found))
