"""A trained module as a folder that ``transformers`` or ``peft`` loads."""

import copy
import os
import shutil
from pathlib import Path

import peft
from torch import nn

from datamodules.packaged import load_tokenizer
from modules import backbones
from modules.finetuning.base import FineTuningModule

_FULL = """from transformers import pipeline
pipeline("text-classification", {folder!r})("a gripping film")"""
_ADAPTER = """from peft import AutoPeftModelForSequenceClassification
model = AutoPeftModelForSequenceClassification.from_pretrained({folder!r})"""
_MEAN = """from modules import {module}
module = {module}.load_from_checkpoint("…/checkpoints/best.ckpt")"""


def export(module: FineTuningModule, folder: Path) -> Path:
    """Write model, tokenizer and a README that says how to load them; whole or not at all.

    A peft adapter goes beside ``base/``: the backbone's config with the task's labels, and links
    to its weights. A mean-pooled head is unknown to ``transformers``: then the encoder alone is
    written, and the module's checkpoint holds the head.
    """
    folder = Path(folder).absolute()
    scratch = folder.with_name(f".{folder.name}-making")
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir(parents=True)
    try:
        _write(module, scratch, folder)
        shutil.rmtree(folder, ignore_errors=True)
        os.replace(scratch, folder)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return folder


def _write(module: FineTuningModule, scratch: Path, folder: Path) -> None:
    module = module.in_full_precision()
    model, names = module.model, {"folder": str(folder), "module": type(module).__name__}
    if getattr(module.task, "pooling", "native") != "native":
        inner = model
        if isinstance(model, peft.PeftModel):  # a copy: merging would change the module itself
            inner = copy.deepcopy(model).merge_and_unload()
        inner.base_model.save_pretrained(scratch)
        how = _MEAN
    elif isinstance(model, peft.PeftModel):
        _save_adapter(model, module.hparams["backbone"], scratch, folder / "base")
        how = _ADAPTER
    else:
        model.save_pretrained(scratch)
        how = _FULL
    tokenizer = load_tokenizer(module.hparams["backbone"])
    tokenizer.pad_token = tokenizer.pad_token or tokenizer.eos_token  # as it was trained
    tokenizer.save_pretrained(scratch)
    (scratch / "README.md").write_text(f"```python\n{how.format(**names)}\n```\n")


def _save_adapter(model: nn.Module, backbone: str, scratch: Path, base: Path) -> None:
    # peft builds the base from this path, so its config must carry the labels.
    for config in model.peft_config.values():
        config.base_model_name_or_path = str(base)
    # Nothing is added to the embeddings; left to itself, peft asks the hub whether there is.
    model.save_pretrained(scratch, save_embedding_layers=False)
    (scratch / "README.md").unlink(missing_ok=True)  # peft's model card template
    (scratch / "base").mkdir()
    model.get_base_model().config.save_pretrained(scratch / "base")
    for file in backbones.weight_files(backbone):
        target = scratch / "base" / file.name
        try:
            os.link(file.resolve(), target)
        except OSError:  # another file system
            shutil.copyfile(file, target)
