"""Where LoRA goes of itself, and where it does not, which it says."""

from torch.nn.modules.conv import _ConvNd
from transformers import PreTrainedModel

from modules.finetuning.targets import in_head
from modules.layout import numberless, reached
from modules.notices import note


def known_to_work(model: PreTrainedModel, names: list[str], rank: int) -> list[str]:
    """Leave out what peft refuses, and gates, routers and the like of fewer columns than the rank.

    peft refuses layers whose weight a fused kernel reads, past its update.
    """
    import peft
    from peft.tuners.tuners_utils import _check_lora_target_modules_mamba

    config, wide = peft.LoraConfig(), model.config.get_text_config().hidden_size
    kept: list[str] = []
    narrow: list[str] = []
    refused: list[str] = []
    for name in names:
        size = min(model.get_parameter(f"{name}.weight").shape)
        try:
            _check_lora_target_modules_mamba(config, model, name.rpartition(".")[2])
            (narrow if rank > size and 16 * size <= wide else kept).append(name)
        except ValueError:
            refused.append(name)
    if not kept:
        return names
    for left, reason in ((narrow, f"of fewer columns than rank {rank}"), (refused, "as peft says")):
        if left:
            note(f"LoRA: not in {', '.join(sorted({numberless(n) for n in left}))}, {reason}")
    return kept


def check_rank(model: PreTrainedModel, names: list[str], rank: int, flag: str) -> None:
    """Refuse a rank that one of these layers cannot have.

    Raises:
        ValueError: If a matrix has fewer rows or columns; the message names the flag.
    """
    for name in names:
        if rank > min(shape := tuple(model.get_parameter(f"{name}.weight").shape)):
            raise ValueError(f"{flag} {rank}: more than {name} can have, {shape}")


def experts(model: PreTrainedModel, rank: int, plain: bool) -> list[str]:
    """Return full names of the matrices of all experts in one parameter, (experts, in, out).

    Args:
        model: With the task's head on it.
        rank: Of the update of each expert.
        plain: Whether it is the plain LoRA, which alone peft knows for them.
    """
    found = []
    for name, module in model.named_modules():
        if in_head(model, name) or isinstance(module, _ConvNd):
            continue
        for part, parameter in module.named_parameters(recurse=False):
            path = f"{name}.{part}"
            if parameter.ndim == 3 and rank <= min(parameter.shape[1:]) and reached(model, path):
                found.append(path)
    if found and not plain:
        note("LoRA: not in the experts, which go without DoRA, PiSSA and dropout in peft")
    return found if plain else []
