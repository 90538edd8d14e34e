"""Predictions of a module for texts: labels by name, numbers, or written answers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from modules import generation
from modules.answered_inference import answered, window_answers
from modules.backbones import unwrap
from modules.chosen_inference import choose
from modules.encoding import Text, encode, max_tokens, prompts, tokenizer_of
from modules.outputs import head_logits, labels_of, probabilities, values
from modules.tagged_inference import encode_words, tag_words, words_of
from modules.tasks.network_inputs import model_inputs
from modules.text_rows import Rows, batch_of, evaluating, token_batches
from modules.written_inference import write_batch, write_targets, writes_targets

BATCH_TOKENS = 2048
NEW_TOKENS = 256  # or half of what the model reads, if that is less


@dataclass(frozen=True)
class Predictions:
    """The predictions for N texts.

    Attributes:
        values: A label's name, a number, a list of names, a list of words with their tags, a vector
            as a list, or an answer for each text, N. To a question about a context it is a mapping
            with ``answer``, ``score``, ``start`` and ``end``, of several answers a list of them; to
            one with choices a mapping with ``answer``, ``index``, ``score`` and ``scores``.
        probabilities: The probabilities of the labels, (N, labels) float32; of tags an array,
            (words, tags), for each text; None without labels.
        truncated: Whether the text was longer than the model reads, N.
    """

    values: list[Any]
    probabilities: np.ndarray | list[np.ndarray] | None
    truncated: list[bool]


def predict(
    module: Any,
    texts: Sequence[Text],
    batch_tokens: int = BATCH_TOKENS,
    max_new_tokens: int | None = None,
    answers: int = 1,
) -> Predictions:
    """Predict texts, or pairs of texts as tuples, in their order.

    Texts of like length share a batch. The module is in eval mode meanwhile.

    Args:
        module: A fine-tuned module, or one that answers prompts.
        texts: N texts; where words are tagged, texts or lists of words; where answers are marked,
            pairs of a question and a context; where one is chosen, of a question and choices.
        batch_tokens: The most padded tokens of a batch; a longer text has a batch of its own.
        max_new_tokens: The most tokens of a written answer; 256 if not given.
        answers: The number of answers to each question about a context, the best first.

    Raises:
        ValueError: If the module has no head for a task, or the texts do not fit it.
    """
    check_predicts(module)
    if isinstance(texts, str):
        raise ValueError("predict takes a list of texts: put the text into a list")
    if not len(texts):
        empty = np.zeros((0, len(labels_of(module))), np.float32)
        return Predictions([], empty if labels_of(module) else None, [])
    if writes_targets(module):
        return Predictions(*write_targets(module, texts, batch_tokens, max_new_tokens))
    if writes_answers(module):
        longest = max_tokens(module, tokenizer_of(module))
        tokens = min(NEW_TOKENS, longest // 2) if max_new_tokens is None else max_new_tokens
        return _answers(module, texts, batch_tokens, tokens)
    if module.task.label_kind == "tags":
        return _tagged(module, texts, batch_tokens)
    if module.task.label_kind == "span":
        return Predictions(*answered(module, texts, batch_tokens, answers))
    if module.task.label_kind == "choice":
        return Predictions(*choose(module, texts, batch_tokens))
    rows = encode(module, texts)
    if fills_masks(module):
        return Predictions(_filled(module, texts, rows, batch_tokens), None, rows.truncated)
    found: list[tuple[list[int], Tensor]] = []
    with evaluating(module):
        for chosen in token_batches(module.num_input_tokens(rows.lengths), batch_tokens):
            logits = head_logits(module, batch_of(module, rows, chosen))
            found.append((chosen, logits))
    logits = torch.cat([part for _, part in found])
    places = torch.tensor([row for chosen, _ in found for row in chosen])
    logits = logits[places.argsort()]
    return Predictions(values(module, logits), probabilities(module, logits), rows.truncated)


def predict_batch(module: Any, batch: Any) -> dict[str, Any]:
    """Predict a batch of a data loader.

    Args:
        module: As in :func:`predict`.
        batch: A batch of a data module; a mapping with ``input_ids`` and ``attention_mask``, or
            with lists of texts as ``text`` and perhaps ``pair``; a list of texts; or a list of two
            lists, the first and the second texts of pairs, as a ``DataLoader`` collates them.

    Returns:
        ``prediction``, a list; where there are logits, ``logits``, (B, outputs) on the CPU; and
        ``index``, the places of the rows in their split, where the batch holds them.
    """
    check_predicts(module)
    if writes_targets(module, batch):
        return write_batch(module, batch)
    if writes_targets(module) and isinstance(batch, Mapping) and "input_ids" in batch:
        name = type(module.task).__name__
        raise ValueError(f"a batch lacks columns, which {name} reads to predict")
    if not (isinstance(batch, Mapping) and "input_ids" in batch):
        if isinstance(batch, Mapping):
            batch = [batch["text"], batch["pair"]] if "pair" in batch else batch["text"]
        texts = list(batch)
        if len(texts) == 2 and not isinstance(texts[0], str):
            texts = list(zip(*texts, strict=True))
        return {"prediction": predict(module, texts).values}
    known = {"index": batch["index"].cpu()} if "index" in batch else {}
    with evaluating(module):
        if writes_answers(module):
            tokenizer = tokenizer_of(module)
            tokens = min(NEW_TOKENS, max_tokens(module, tokenizer) // 2)
            said = generation.generate(module.model, tokenizer, prompts(batch), tokens)
            return {**known, "prediction": said}
        if fills_masks(module):
            raise ValueError("LanguageModeling: an encoder fills masks of texts, by predict(texts)")
        rows = torch.arange(len(batch["input_ids"]))
        logits = head_logits(module, {"index": rows, **batch})
    if module.task.label_kind == "span":
        said = window_answers(module.task, logits, batch)
        return {**known, "prediction": said, "logits": logits}
    if module.task.label_kind == "choice":
        return {**known, "prediction": logits.argmax(-1).tolist(), "logits": logits}
    return {**known, "prediction": values(module, logits), "logits": logits}


def check_predicts(module: Any) -> None:
    """Refuse a module that gives no answers.

    Raises:
        ValueError: If it has no head for a task.
    """
    if getattr(module, "task", None) is None:
        raise ValueError(
            f"{type(module).__name__}: a pre-trained network without a head for a task; fine-tune "
            f"it with --model.backbone FOLDER, and predict with what that run exports"
        )
    network, name = unwrap(module.model), type(module.task).__name__
    writes = writes_answers(module) and not hasattr(module.task, "decoding")
    if writes and not getattr(network, "can_generate", lambda: False)():
        raise ValueError(
            f"{name}: its label_kind is none, so that a prediction is a text that the network "
            f"writes, and a {type(network).__name__} writes none: give the task another "
            f"label_kind, or vectors = True"
        )


def fills_masks(module: Any) -> bool:
    """Tell whether the module's predictions are texts with words in the place of their masks."""
    return module.task.label_kind == "none" and module.task.auto_class == "AutoModelForMaskedLM"


def writes_answers(module: Any) -> bool:
    """Tell whether the module's predictions are texts that it writes."""
    kind, vectors = module.task.label_kind, module.task.vectors
    alone = kind == "none" and not vectors and not fills_masks(module)
    return alone or writes_targets(module)


def _answers(module: Any, texts: Sequence[Text], batch_tokens: int, tokens: int) -> Predictions:
    rows = encode(module, texts, room=tokens)
    said = [""] * len(texts)
    with evaluating(module):
        for chosen in token_batches(rows.lengths + tokens, batch_tokens):
            ids = [rows.ids[row] for row in chosen]
            found = generation.generate(module.model, tokenizer_of(module), ids, tokens, len(ids))
            for row, answer in zip(chosen, found, strict=True):
                said[row] = answer
    return Predictions(said, None, rows.truncated)


def _tagged(module: Any, texts: Sequence[Any], batch_tokens: int) -> Predictions:
    words = words_of(texts)
    rows, places = encode_words(module, words)
    said: list[Any] = [[] for _ in texts]
    chances: list[Any] = [None] * len(texts)
    with evaluating(module):
        for chosen in token_batches(module.num_input_tokens(rows.lengths), batch_tokens):
            logits_BTC = head_logits(module, batch_of(module, rows, chosen))
            for row, logits_TC in zip(chosen, logits_BTC, strict=True):
                found = tag_words(labels_of(module), words[row], logits_TC, places[row])
                said[row], chances[row] = found
    return Predictions(said, chances, rows.truncated)


def _filled(module: Any, texts: Sequence[Text], rows: Rows, batch_tokens: int) -> list[str]:
    """Return the texts with the likeliest token in the place of each mask."""
    tokenizer, said = tokenizer_of(module), list(map(str, texts))
    mask = tokenizer.mask_token
    with evaluating(module):
        for chosen in token_batches(rows.lengths, batch_tokens):
            batch = batch_of(module, rows, chosen)
            logits_BTV = module.model(**model_inputs(batch)).logits
            best_BT = logits_BTV[:, -batch["input_ids"].shape[1] :].argmax(-1)
            for row, ids, best in zip(chosen, batch["input_ids"], best_BT, strict=True):
                words = best[ids == tokenizer.mask_token_id].tolist()
                if not words or len(words) != said[row].count(mask):
                    count = f"{len(words)} of its {said[row].count(mask)} are read"
                    raise ValueError(f"text {row + 1}: put {mask} where a word is wanted; {count}")
                for word in words:
                    said[row] = said[row].replace(mask, tokenizer.decode([word]).strip(), 1)
    return said
