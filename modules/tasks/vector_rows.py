"""Batches of texts as vectors are trained on: both texts of a pair, or a text twice."""

import hashlib
from collections.abc import Sequence
from typing import Any, Literal

import torch
from torch import Tensor
from torch.nn.functional import normalize

from datamodules.packaged import pad_id
from modules import backbones
from modules.tasks.network_inputs import model_inputs
from modules.text_rows import pad

EXAMPLES = 4096  # training rows that a head for evaluation is fitted to, at most
VectorPooling = Literal["mean", "first", "last"]
# The label of a row that vectors are trained by; of pairs and of dropout there is none.
LABELS: dict[str, Literal["class", "number"]] = {"labels": "class", "scores": "number"}


def pooled(hidden_BTH: Tensor, mask_BT: Tensor, pooling: VectorPooling) -> Tensor:
    """Return a vector of length 1 for each row, (B, H) float32.

    Args:
        hidden_BTH: Last hidden states; a soft prompt may stand before the rows.
        mask_BT: 1 for a token and 0 for padding, which is on the right.
        pooling: The mean over a row's tokens, or its first or last one.
    """
    hidden_BTH = hidden_BTH[:, -mask_BT.shape[1] :].float()
    if pooling == "mean":
        mask_BT1 = mask_BT[..., None].float()
        return normalize((hidden_BTH * mask_BT1).sum(1) / mask_BT1.sum(1), dim=1)
    places_B = mask_BT.sum(1) - 1 if pooling == "last" else mask_BT.sum(1) * 0
    rows_B = torch.arange(len(hidden_BTH), device=hidden_BTH.device)
    return normalize(hidden_BTH[rows_B, places_B], dim=1)


def vectors(model: Any, batch: Any, pooling: VectorPooling) -> Tensor:
    """Return a vector for each text of a batch, (B, H), or for each of two, (B, 2, H)."""
    settings = backbones.without_cache(backbones.unwrap(model))
    hidden_BTH = model(**model_inputs(batch), **settings).last_hidden_state
    found = pooled(hidden_BTH, batch["attention_mask"], pooling)
    return torch.stack(found.chunk(2), 1) if batch.get("doubled") else found


def keys_of(texts: Sequence[str], device: torch.device) -> Tensor:
    """Return numbers that are equal for texts with the same words, (B,) int64."""
    plain = (" ".join(text.lower().split()).encode("utf-8", "surrogatepass") for text in texts)
    digests = (hashlib.blake2b(text, digest_size=8).digest() for text in plain)
    return torch.tensor([int.from_bytes(d, "big") >> 1 for d in digests], device=device)


def prepared(batch: Any, positives: str, training: bool, tokenizer: Any, limit: int) -> Any:
    """Return both texts of each pair as rows of their own, or each text twice.

    Args:
        batch: B rows.
        positives: As of the task: labels, pairs, dropout or scores.
        training: Whether the batch is trained on.
        tokenizer: The backbone's tokenizer.
        limit: The most tokens of a text.
    """
    if positives == "dropout":
        return twice(batch, training)
    if positives == "labels" or "pair" not in batch.get("columns", {}):
        return batch
    return both_texts(batch, tokenizer, limit)


def both_texts(batch: Any, tokenizer: Any, limit: int) -> Any:
    """Return the batch with a row for each text: the B first texts, and then the B second ones.

    Where the data have no ``labels``, these are the keys of the texts, (B, 2).

    Args:
        batch: B rows with ``columns`` text and pair.
        tokenizer: The backbone's tokenizer.
        limit: The most tokens of a text.
    """
    device, columns = batch["input_ids"].device, batch["columns"]
    made = tokenizer(
        [*columns["text"], *columns["pair"]],
        truncation=True,
        max_length=limit,
        return_token_type_ids=False,
        verbose=False,
    )["input_ids"]
    ids = pad(made, pad_id(tokenizer)).to(device)
    mask = pad([[1] * len(row) for row in made], 0).to(device)
    rest = {name: value for name, value in batch.items() if name != "token_type_ids"}
    keys = [keys_of(columns[name], device) for name in ("text", "pair")]
    labels = batch.get("labels", torch.stack(keys, 1))
    return {**rest, "input_ids": ids, "attention_mask": mask, "labels": labels, "doubled": True}


def twice(batch: Any, training: bool) -> Any:
    """Return the batch with each row again behind all rows, in training, and keys as ``labels``."""
    rows = batch.get("columns", {}).get("text")
    texts = rows or [str(ids) for ids in batch["input_ids"].tolist()]
    made = {**batch, "labels": keys_of(texts, batch["input_ids"].device)}
    if not training:
        return made
    doubled = {name: torch.cat([value] * 2) for name, value in model_inputs(batch).items()}
    return {**made, **doubled, "doubled": True}


def examples(model: Any, data: Any, pooling: VectorPooling) -> tuple[Tensor, Tensor]:
    """Return vectors and labels of training rows, (N, H) and (N,): all, or 4,096 of them.

    Args:
        model: A model in eval mode.
        data: The data module of the run.
        pooling: As of :func:`pooled`.
    """
    device = next(model.parameters()).device
    found, labels = [], []
    with torch.no_grad():
        for batch in data.spread_batches("train", EXAMPLES):
            there = {name: value.to(device) for name, value in model_inputs(batch).items()}
            found.append(vectors(model, there, pooling))
            labels.append(batch["labels"].to(device))
    return torch.cat(found), torch.cat(labels)


def load_network(backbone: str, dropout: float | None) -> Any:
    """Load a backbone without a head.

    Raises:
        ValueError: If it is an encoder-decoder, whose two parts would give two vectors.
    """
    from transformers import AutoModel

    model: Any = backbones.load_backbone(AutoModel, backbone, dropout)
    if model.config.is_encoder_decoder:
        raise ValueError(
            f"--model.task Embedding: {backbone} is an encoder-decoder; it takes an encoder, such "
            f"as minilm, or a decoder"
        )
    if getattr(model, "pooler", None) is not None:
        model.pooler = None  # nothing reads it
        new = getattr(model, "new_parameters", [])
        model.new_parameters = [name for name in new if not name.startswith("pooler.")]
    return model


def check_dropout(model: Any) -> None:
    """Refuse a network without dropout, whose two vectors of a text would be one.

    Raises:
        ValueError: If it has none.
    """
    rates = [m.p for m in model.modules() if isinstance(m, torch.nn.Dropout)]
    rates += [getattr(m, "attention_dropout", 0.0) or 0.0 for m in model.modules()]
    if not any(isinstance(rate, float) and rate > 0 for rate in rates):
        raise ValueError(
            "--model.task.positives dropout: the network has no dropout; give "
            "--model.backbone_dropout 0.1"
        )


def check_columns(columns: list[str], positives: str) -> None:
    """Refuse single texts where pairs are read, and pairs where single texts are.

    Raises:
        ValueError: If they do not fit.
    """
    flag, wants = f"--model.task.positives {positives}", positives in ("pairs", "scores")
    if "text" not in columns:
        raise ValueError("--model.task Embedding: reads texts, which the data has not")
    if wants and "pair" not in columns:
        raise ValueError(f"{flag}: the data has one text a row; name the second --data.pair_column")
    if "pair" in columns and not wants:
        raise ValueError(f"{flag}: reads one text a row, and the data has pairs; give pairs")
