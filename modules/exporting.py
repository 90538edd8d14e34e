"""The export of a trained module, for ``transformers``, ``peft`` or ``modules.load`` to open."""

import json
import os
import shutil
from pathlib import Path
from typing import Any

import peft
import safetensors.torch
from transformers import PreTrainedModel

from datamodules.argument_names import in_arguments
from datamodules.packaged import load_tokenizer
from modules import backbones
from modules.export_readme import Kind, readme
from modules.finetuning.base import FineTuningModule
from modules.loading import MODULE_FILE, OWN_WEIGHTS, Exported
from modules.pretraining.base import PretrainingModule
from modules.pretraining.model_card import save_pretrained
from modules.tasks import to_dict
from modules.user_classes import reference


@in_arguments
def export(
    module: FineTuningModule | PretrainingModule, folder: Path, facts: dict[str, Any] | None = None
) -> Path:
    """Write model, tokenizer and a README that says how to load them; whole or not at all.

    A model that ``transformers`` knows becomes its ordinary folder. A peft adapter goes beside
    ``base/``: the backbone's config with the task's labels, its tokenizer, and its weights. Modules
    that neither library knows, such as our adapters and mean-pooled heads, are the trained weights
    and ``base/``; an encoder whose own weights trained under a mean-pooled head goes into
    ``encoder/``, too. A pre-trained network gets a model card. ``modules.load`` opens all but the
    last, by the class and the arguments in ``module.json``.

    No file holds an absolute path: the folder may be moved, renamed, copied or zipped. The weights
    in ``base/`` are hard links where the file system has them, and copies elsewhere.

    Args:
        module: A trained module.
        folder: The folder to write; an older one of this name is replaced.
        facts: Of the run, for the model card: data, metrics, tokens, git_commit.

    Returns:
        The absolute path of the folder.
    """
    folder = Path(folder).absolute()
    scratch = folder.with_name(f".{folder.name}-making")
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir(parents=True)
    try:
        if isinstance(module, PretrainingModule):
            save_pretrained(module, scratch, facts or {})
        else:
            _write(module, scratch)
        shutil.rmtree(folder, ignore_errors=True)
        os.replace(scratch, folder)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return folder


def _write(module: FineTuningModule, scratch: Path) -> None:
    module, task = module.in_full_precision(), module.task
    # A strategy whose layers peft cannot load as they are has a method that gives a peft model.
    model = getattr(module, "peft_for_export", lambda: module.model)()
    backbone = module.hparams["backbone"]
    tokenizer = load_tokenizer(backbone)
    tokenizer.pad_token = tokenizer.pad_token or tokenizer.eos_token  # as it was trained
    if template := getattr(task, "chat_template", None):
        tokenizer.chat_template = template
    tokenizer.save_pretrained(scratch)
    kind: Kind
    if task.pooling != "native" or getattr(module, "own_format", False):
        kind = "own"
        _save_own(module, scratch)
        if not isinstance(module.model, peft.PeftModel) and not hasattr(module, "own_format"):
            kind = "own with encoder"
            model.base_model.save_pretrained(scratch / "encoder")
    elif isinstance(model, peft.PeftModel):
        kind = "adapter"
        _save_adapter(model, backbone, scratch)
    else:
        kind = "full"
        model.save_pretrained(scratch)
    arguments = {} if isinstance(module, Exported) else dict(module.hparams)
    arguments |= {"backbone": "." if kind == "full" else "base", "task": to_dict(task)}
    # What load has read again keeps the name of the strategy that trained it.
    made = {"module": getattr(module, "strategy", reference(type(module))), "arguments": arguments}
    (scratch / MODULE_FILE).write_text(json.dumps(made, indent=2) + "\n")
    (scratch / "README.md").write_text(readme(module, model, kind, tokenizer, scratch / "base"))


def _save_own(module: FineTuningModule, scratch: Path) -> None:
    weights = {n: w.contiguous() for n, w in module.state_dict().items() if n in module.trainable}
    safetensors.torch.save_file(weights, scratch / OWN_WEIGHTS)
    base = backbones.unwrap(module.model)
    _save_base(base, module.hparams["backbone"], scratch / "base")


def _save_adapter(model: peft.PeftModel, backbone: str, scratch: Path) -> None:
    # peft builds the base from this path, so its config must carry the labels. It is relative to
    # the working folder, as peft knows no other: an absolute one would not outlive a move.
    for config in model.peft_config.values():
        config.base_model_name_or_path = "base"
    # Nothing is added to the embeddings; left to itself, peft asks the hub whether there is.
    model.save_pretrained(str(scratch), save_embedding_layers=False)
    _save_base(backbones.unwrap(model), backbone, scratch / "base")


def _save_base(model: PreTrainedModel, backbone: str, base: Path) -> None:
    base.mkdir()
    model.config.save_pretrained(base)
    load_tokenizer(backbone).save_pretrained(base)
    for file in backbones.weight_files(backbone):
        target = base / file.name
        try:
            os.link(file.resolve(), target)
        except OSError:  # another file system
            shutil.copyfile(file, target)
