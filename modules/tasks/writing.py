"""Texts that a model writes for sources, for tasks whose answers are texts."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import transformers
from torch import Tensor

from datamodules.packaged import load_tokenizer
from modules import backbone_files, backbones, generation
from modules.backbones import unwrap
from modules.output_layer import check_output_layer, selection
from modules.tasks import pretrained_lm
from modules.tasks.token_sums import IGNORED

STAGES = {"test": ("test",), "all": ("val", "test"), "none": ()}  # by a task's ``written``


class Decoding(NamedTuple):
    """How texts are written; the arguments of SequenceToSequence."""

    max_new_tokens: int
    num_beams: int
    length_penalty: float
    temperature: float

    def settings(self) -> dict[str, Any]:
        """Return the arguments of ``generate`` beside the number of tokens."""
        found: dict[str, Any] = {"num_beams": self.num_beams, "do_sample": self.temperature > 0}
        if self.num_beams > 1:
            found["length_penalty"] = self.length_penalty
        if self.temperature > 0:
            found |= {"temperature": self.temperature, "top_k": 0}
        return found


def check(decoding: Decoding) -> None:
    """Refuse a length penalty without beams, whose scores it divides.

    Raises:
        ValueError: If there is one.
    """
    if decoding.num_beams == 1 and decoding.length_penalty != 1:
        raise ValueError(
            f"--model.task.length_penalty {decoding.length_penalty:g}: only beam search reads it: "
            f"give --model.task.num_beams 4, or leave it out"
        )


def build(task: Any, backbone: str, dropout: float | None) -> Any:
    """Load the model, an encoder-decoder or a decoder, and have the task's encoding read for it.

    Raises:
        ValueError: If the backbone is an encoder, or of neither family.
    """
    config = transformers.AutoConfig.from_pretrained(backbone_files.resolve(backbone))
    if type(config) in transformers.AutoModelForSeq2SeqLM._model_mapping:
        task.auto_class, task.peft_type = "AutoModelForSeq2SeqLM", "SEQ_2_SEQ_LM"
        task.pipeline = "text2text-generation"
        auto = transformers.AutoModelForSeq2SeqLM
        model: Any = backbones.load_backbone(auto, backbone, dropout)
        check_output_layer(model, f"--model.task {type(task).__name__}: {backbone}")
        selection(model)  # while the weights are float32
    else:
        model, masked = pretrained_lm.build(task, backbone, dropout)
        if masked:
            raise ValueError(
                f"--model.task {type(task).__name__}: {backbone} is an encoder; it takes an "
                f"encoder-decoder, such as T5 or BART, or a decoder, such as smollm2"
            )
    task.encoding.attach(load_tokenizer(backbone), model)
    task.overhead = task.encoding.overhead
    return model


def inputs(model: Any, batch: Any) -> dict[str, Any]:
    """Return the inputs of a prepared batch; a decoder's begin with its start token."""
    given = {name: batch[name] for name in ("input_ids", "attention_mask")}
    inner = unwrap(model)
    if not inner.config.is_encoder_decoder:
        return {**given, "use_cache": False}
    shift = getattr(inner, "prepare_decoder_input_ids_from_labels", None)  # M2M100 has none
    labels_BT = batch["labels"]
    shifted_BT = shift(labels=labels_BT) if shift else _shifted(inner.config, labels_BT)
    return {**given, "decoder_input_ids": shifted_BT}


def _shifted(config: Any, labels_BT: Tensor) -> Tensor:
    """Return the tokens to write one place later, behind the one that a decoder starts with."""
    ids_BT = labels_BT.masked_fill(labels_BT == IGNORED, config.pad_token_id).roll(1, 1)
    ids_BT[:, 0] = config.decoder_start_token_id
    return ids_BT


def evaluation(task: Any, model: Any, batch: Any) -> dict[str, list[str]]:
    """Write the targets of a batch.

    Returns:
        ``outputs``, and ``references``, the whole targets, B each.
    """
    columns = batch["columns"]
    return {"outputs": write(task, model, columns["source"]), "references": columns["reference"]}


def write(
    task: Any, model: Any, sources: Sequence[Any], max_new_tokens: int | None = None
) -> list[str]:
    """Write a text for each of N sources, which share a batch.

    Args:
        task: A task with ``encoding`` and ``decoding``.
        model: Its model.
        sources: N texts, or rows as the task's ``encoding`` reads them.
        max_new_tokens: Tokens after which a text is cut; the task's own number if not given.
    """
    tokens = task.decoding.max_new_tokens if max_new_tokens is None else max_new_tokens
    ids, _ = task.encoding.sources(sources, room=tokens)
    settings = {**task.decoding.settings(), **task.encoding.forced()}
    if cache := getattr(task, "prefix_cache", None):
        settings["prefix_cache"] = cache
    return generation.generate(model, task.encoding.tokenizer, ids, tokens, len(ids), **settings)
