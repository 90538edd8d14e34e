"""The export of a trained module, for ``transformers``, ``peft`` or ``modules.load`` to open."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import safetensors.torch
from transformers import PreTrainedModel

from datamodules.argument_names import in_arguments
from datamodules.packaged import load_tokenizer
from modules import backbone_reference, backbones, export_files
from modules.export_readme import Kind, readme
from modules.exported import HEAD_WEIGHTS, MODULE_FILE, OWN_WEIGHTS, Exported
from modules.finetuning.base import FineTuningModule
from modules.finetuning.quantization import dequantized
from modules.finetuning.targets import head_modules
from modules.pretraining.base import PretrainingModule
from modules.pretraining.model_card import save_pretrained
from modules.tasks import to_dict
from modules.user_classes import reference

if TYPE_CHECKING:
    pass


@in_arguments
def export(
    module: FineTuningModule | PretrainingModule, folder: Path, facts: dict[str, Any] | None = None
) -> Path:
    """Write model, tokenizer and a README that says how to load them; whole or not at all.

    A model that ``transformers`` knows becomes its ordinary folder. A peft adapter goes beside
    ``base/``: the backbone's config with the task's labels, its tokenizer, and its weights. What
    neither library knows, such as our adapters and peft's under a mean-pooled head, and what trains
    a head alone, is the trained weights and ``base/``; where a package or the hub has the backbone,
    its name and fingerprint stand in place of ``base/``. An encoder whose own weights trained under
    a mean-pooled head goes into ``encoder/``, beside the head's weights. A pre-trained network gets
    a model card. ``modules.load`` opens all but the last, by the class and the arguments in
    ``module.json``.

    No file holds an absolute path: the folder may be moved, renamed, copied or zipped. The weights
    in ``base/`` are hard links where the file system has them, and copies elsewhere.

    Args:
        module: A trained module.
        folder: The folder to write; an older one of this name is replaced.
        facts: Of the run, for the model card: data, metrics, tokens, git_commit.

    Returns:
        The absolute path of the folder.
    """
    with export_files.whole_folder(folder) as scratch:
        if isinstance(module, PretrainingModule):
            save_pretrained(module, scratch, facts or {})
        else:
            _write(module, scratch, facts or {})
    return Path(folder).absolute()


def write_ordinary(
    module: FineTuningModule,
    model: PreTrainedModel,
    scratch: Path,
    facts: dict[str, Any] | None = None,
) -> None:
    """Write a model of transformers with the task's head as the folder that transformers opens.

    No class of transformers takes the mean of the tokens: under a mean-pooled head the encoder goes
    into ``encoder/``, which ``AutoModel`` opens, and the head's weights beside it.

    Args:
        module: The module whose task, tokenizer and name are written.
        model: The model, in fp32.
        scratch: The folder to write into.
        facts: Of the run, for the model card.
    """
    facts = facts or {}
    if module.task.pooling == "native":
        model.save_pretrained(scratch)
        module.task.write_beside(scratch)
        _describe(module, model, "full", ".", scratch, facts)
        return
    encoder: Any = model.base_model
    inside = {id(parameter) for parameter in encoder.parameters()}
    head = {n: p.detach() for n, p in model.named_parameters() if id(p) not in inside}
    safetensors.torch.save_file(head, scratch / HEAD_WEIGHTS)
    encoder.save_pretrained(scratch / "encoder")
    load_tokenizer(module.hparams["backbone"]).save_pretrained(scratch / "encoder")
    _describe(module, model, "own with encoder", "encoder", scratch, facts)


def _write(module: FineTuningModule, scratch: Path, facts: dict[str, Any]) -> None:
    import peft

    if not isinstance(network := backbones.unwrap(module.model), PreTrainedModel):
        raise ValueError(
            f"{type(module.task).__name__}: its network is a {type(network).__name__}, and an "
            f"export holds a PreTrainedModel of transformers; a checkpoint holds its weights"
        )
    module, task = module.in_full_precision(), module.task
    # A strategy whose layers peft cannot load as they are has a method that gives a peft model.
    model = getattr(module, "peft_for_export", lambda: module.model)()
    adapted = isinstance(model, peft.PeftModel)
    # peft would build the base by transformers, which leaves a network read apart random.
    apart = task.pooling != "native" or getattr(backbones.unwrap(model), "read_apart", False)
    own = hasattr(module, "own_format") or (adapted and apart)
    own = own or (not adapted and not apart and export_files.has_new_layers(model))
    if own or (not adapted and _trains_head_alone(module)):
        trained = module.trainable
        weights = {n: w.contiguous() for n, w in module.state_dict().items() if n in trained}
        safetensors.torch.save_file(weights, scratch / OWN_WEIGHTS)
        backbone = module.hparams["backbone"]
        if not (named := backbone_reference.is_published(backbone)):
            export_files.save_base(backbones.unwrap(module.model), backbone, scratch / "base")
        _describe(module, model, "own", None if named else "base", scratch, facts)
    elif adapted:
        export_files.save_adapter(model, module.hparams["backbone"], scratch)
        _describe(module, model, "adapter", "base", scratch, facts)
    else:
        write_ordinary(module, dequantized(model), scratch, facts)


def _trains_head_alone(module: FineTuningModule) -> bool:
    heads = head_modules(module.model)
    return all(any(f".{head}." in f".{n}." for head in heads) for n in module.trainable)


def _describe(
    module: FineTuningModule,
    model: Any,
    kind: Kind,
    inside: str | None,
    scratch: Path,
    facts: dict[str, Any],
) -> None:
    """Write tokenizer, module.json and README.

    Args:
        module: The module.
        model: The model that was written.
        kind: The format of the folder.
        inside: The backbone's folder in it; None where ``load`` finds the backbone by its name.
        scratch: The folder.
        facts: Of the run, for the model card.
    """
    task, origin = module.task, module.hparams["backbone"]
    tokenizer = load_tokenizer(origin)
    tokenizer.pad_token = tokenizer.pad_token or tokenizer.eos_token  # as it was trained
    if template := getattr(task, "chat_template", None):
        tokenizer.chat_template = template
    tokenizer.save_pretrained(scratch)
    arguments = {} if isinstance(module, Exported) else dict(module.hparams)
    # The weights of an ordinary folder are what the codes stood for: nothing is to be quantised.
    bits = None if kind in ("full", "own with encoder") else module.hparams["quantize"]
    arguments |= {"backbone": inside or origin, "task": to_dict(task), "quantize": bits}
    # What load has read again keeps the name of the strategy that trained it.
    made = {"module": getattr(module, "strategy", reference(type(module))), "arguments": arguments}
    known = module.read_backbone or backbone_reference.describe(origin, kind in ("own", "adapter"))
    made["backbone"] = {**known, "folder": inside}
    (scratch / MODULE_FILE).write_text(json.dumps(made, indent=2) + "\n", encoding="utf-8")
    text = readme(module, model, kind, tokenizer, scratch / "base", facts)
    (scratch / "README.md").write_text(text, encoding="utf-8")
