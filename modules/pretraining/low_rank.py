"""Low-rank updates that train in place of a pretrained network's matrices (LoRA)."""

import copy
from typing import Any

from transformers import PreTrainedModel

from modules.finetuning import lora_targets
from modules.finetuning.targets import linear_layers, transposed

ALPHA = 32  # the updates' scale is ALPHA / rank, whereby one rate suits all ranks


def add(module: Any, model: Any) -> None:
    """Add updates to all linear layers of an objective's backbone, if ``lora_rank`` is set.

    The embeddings and all other weights of the backbone are frozen. What its files do not hold,
    such as the head of a masked language model on a sentence encoder, trains whole.

    Args:
        module: The objective.
        model: Its network, of transformers.

    Raises:
        ValueError: If the network is a new one, or a matrix has fewer columns than the rank.
    """
    rank, flag = module.hparams["lora_rank"], "--model.lora_rank"
    if rank is None:
        return
    if module.hparams["backbone"] is None:
        raise ValueError(f"{flag}: a new network has no weights to update; set --model.backbone")
    import peft

    new = [model.get_parameter(name) for name in model.new_parameters]
    names = lora_targets.known_to_work(model, linear_layers(model, "all-linear", flag), rank)
    lora_targets.check_rank(model, names, rank, flag)
    config = peft.LoraConfig(
        r=rank,
        lora_alpha=ALPHA,
        target_modules=names,
        target_parameters=lora_targets.experts(model, rank, plain=True) or None,
        fan_in_fan_out=transposed(model, names),
    )
    peft.inject_adapter_in_model(config, model)
    for parameter in new:
        parameter.requires_grad_(True)


def merged(model: PreTrainedModel) -> PreTrainedModel:
    """Return the network with its updates in its weights: a copy where there are any."""
    if not hasattr(model, "peft_config"):  # peft takes a while to import
        return model
    from peft.tuners.lora import LoraLayer

    names = [name for name, part in model.named_modules() if isinstance(part, LoraLayer)]
    made = copy.deepcopy(model)
    for name in names:
        if any(name.startswith(f"{outer}.") for outer in names):
            continue  # of another parameter in the same module
        layer: Any = made.get_submodule(name)
        while isinstance(layer, LoraLayer):
            layer.merge(safe_merge=True)
            layer = layer.base_layer
        made.set_submodule(name, layer)
    del made.peft_config  # which would call it a model with an adapter
    return made.requires_grad_(True)
