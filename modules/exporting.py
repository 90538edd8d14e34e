"""The export of a trained module, for ``transformers``, ``peft`` or :func:`load` to load."""

import json
import os
import shutil
from pathlib import Path
from typing import Any

import peft
import safetensors.torch
from transformers import PreTrainedModel

from datamodules.packaged import load_tokenizer
from modules import backbones
from modules.finetuning.base import FineTuningModule
from modules.pretraining.base import PretrainingModule
from modules.pretraining.model_card import save_pretrained
from modules.registry import registered
from modules.tasks import Task

_FULL = """from transformers import pipeline
pipeline({pipeline!r}, {folder!r})("a gripping film")"""
_ADAPTER = """from peft import {peft_class}
model = {peft_class}.from_pretrained({folder!r})"""
# Of masked language models peft has no class of its own.
_ADAPTER_ON_BASE = """from peft import PeftModel
from transformers import {auto_class}
model = PeftModel.from_pretrained({auto_class}.from_pretrained({base!r}), {folder!r})"""
_ALONE = """
# One text at a time: behind a prompt, transformers reads the last place, padding or not."""
_OWN = """from modules import load  # of Pretune
module = load({folder!r})  # the folder may move
logits = module(batch)  # input_ids and attention_mask, as the tokenizer in it gives them"""
_ENCODER = """
from transformers import AutoModel
encoder = AutoModel.from_pretrained({encoder!r})  # without the head"""


def export(
    module: FineTuningModule | PretrainingModule, folder: Path, facts: dict[str, Any] | None = None
) -> Path:
    """Write model, tokenizer and a README that says how to load them; whole or not at all.

    A model that ``transformers`` knows becomes its ordinary folder. A peft adapter goes beside
    ``base/``: the backbone's config with the task's labels, and links to its weights. Modules that
    neither library knows, such as our adapters and mean-pooled heads, are written for
    :func:`load`: the class and its arguments, the trained weights, and ``base/``; an encoder whose
    own weights trained under a mean-pooled head goes into ``encoder/``, too. A pre-trained network
    gets a model card.

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
            save_pretrained(module, scratch, folder, facts or {})
        else:
            _write(module, scratch, folder)
        shutil.rmtree(folder, ignore_errors=True)
        os.replace(scratch, folder)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return folder


def load(folder: Path | str) -> FineTuningModule:
    """Load a folder that :func:`export` wrote for this function.

    Returns:
        The module in eval mode.

    Raises:
        ValueError: If the folder is of another kind, the class unknown, or the weights do not fit.
    """
    folder = Path(folder).absolute()
    if not (folder / "module.json").is_file():
        raise ValueError(f"{folder} holds no module.json: see its README.md for what loads it")
    made = json.loads((folder / "module.json").read_text())
    known = registered(FineTuningModule)
    if made["module"] not in known:
        raise ValueError(f"{folder} is of {made['module']}, a strategy that is not imported here")
    arguments = {**made["arguments"], "backbone": str(folder / "base")}
    module = known[made["module"]](**arguments)
    keys = module.load_state_dict(
        safetensors.torch.load_file(folder / "trained.safetensors"), strict=False
    )
    if keys.missing_keys or keys.unexpected_keys:
        name = (keys.missing_keys + keys.unexpected_keys)[0]
        raise ValueError(f"{folder} does not fit this version of {made['module']}: {name}")
    return module.eval()


def _write(module: FineTuningModule, scratch: Path, folder: Path) -> None:
    module, task = module.in_full_precision(), module.task
    # A strategy whose layers peft cannot load as they are has a method that gives a peft model.
    model = getattr(module, "peft_for_export", lambda: module.model)()
    pooled = task.pooling != "native"
    tokenizer = load_tokenizer(module.hparams["backbone"])
    tokenizer.pad_token = tokenizer.pad_token or tokenizer.eos_token  # as it was trained
    if template := getattr(task, "chat_template", None):
        tokenizer.chat_template = template
    tokenizer.save_pretrained(scratch)
    if pooled or getattr(module, "own_format", False):
        how = _OWN
        _save_own(module, scratch)
        load_tokenizer(module.hparams["backbone"]).save_pretrained(scratch / "base")
        if not isinstance(module.model, peft.PeftModel) and not hasattr(module, "own_format"):
            model.base_model.save_pretrained(scratch / "encoder")
            how += _ENCODER
    elif isinstance(model, peft.PeftModel):
        how = _ADAPTER if hasattr(peft, _peft_class(task)) else _ADAPTER_ON_BASE
        if model.active_peft_config.is_prompt_learning and hasattr(model.get_base_model(), "score"):
            how += _ALONE
        _save_adapter(model, module.hparams["backbone"], scratch, folder / "base")
    else:
        how = _FULL
        model.save_pretrained(scratch)
    names = {
        "folder": str(folder),
        "encoder": str(folder / "encoder"),
        "pipeline": task.pipeline,
        "auto_class": task.auto_class,
        "base": str(folder / "base"),
        "peft_class": _peft_class(task),
    }
    asked = (
        f"\nIt was trained to answer `{task.prompt_description()}`.\n"
        if task.prompt_description()
        else ""
    )
    (scratch / "README.md").write_text(f"```python\n{how.format(**names)}\n```\n{asked}")


def _peft_class(task: Task) -> str:
    return task.auto_class.replace("AutoModel", "AutoPeftModel")


def _save_own(module: FineTuningModule, scratch: Path) -> None:
    made = {"module": type(module).__name__, "arguments": dict(module.hparams)}
    (scratch / "module.json").write_text(json.dumps(made, indent=2) + "\n")
    weights = {n: w.contiguous() for n, w in module.state_dict().items() if n in module.trainable}
    safetensors.torch.save_file(weights, scratch / "trained.safetensors")
    base = backbones.unwrap(module.model)
    _save_base(base, module.hparams["backbone"], scratch / "base")


def _save_adapter(model: peft.PeftModel, backbone: str, scratch: Path, base: Path) -> None:
    # peft builds the base from this path, so its config must carry the labels.
    for config in model.peft_config.values():
        config.base_model_name_or_path = str(base)
    # Nothing is added to the embeddings; left to itself, peft asks the hub whether there is.
    model.save_pretrained(str(scratch), save_embedding_layers=False)
    (scratch / "README.md").unlink(missing_ok=True)  # peft's model card template
    _save_base(backbones.unwrap(model), backbone, scratch / "base")


def _save_base(model: PreTrainedModel, backbone: str, base: Path) -> None:
    base.mkdir()
    model.config.save_pretrained(base)
    for file in backbones.weight_files(backbone):
        target = base / file.name
        try:
            os.link(file.resolve(), target)
        except OSError:  # another file system
            shutil.copyfile(file, target)
