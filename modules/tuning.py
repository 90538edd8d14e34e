"""Settings that suit a module: each was found in an experiment or stands in a paper.

A class lists its own in the attribute ``tuned``. They hold wherever it is chosen, unless the user
or the experiment sets the same flag.
"""

import json
from pathlib import Path
from typing import Any, Literal, NamedTuple, get_args

Backbone = Literal["encoder", "sentence encoder", "decoder", "new", "pretrained"]
BACKBONES: tuple[Backbone, ...] = get_args(Backbone)
# The bundled ones are known without their files, which the first use downloads.
BUNDLED: dict[str, tuple[Backbone, ...]] = {
    "minilm": ("pretrained", "encoder", "sentence encoder"),
    "smollm2": ("pretrained", "decoder"),
}
_SENTENCE_ENCODER = "modules.json"  # of the library sentence-transformers


class Tuned(NamedTuple):
    """A setting that suits a class.

    Attributes:
        flag: The flag without dashes: ``model.rank``, ``model.task.pooling``,
            ``data.batch_tokens`` or ``trainer.max_epochs``.
        value: Its value.
        source: The experiment or study with its figure, or the paper.
        backbone: The kind of backbone that it holds for; None for all.
        task: The name of the task that it holds for; None for all.
    """

    flag: str
    value: Any
    source: str
    backbone: Backbone | None = None
    task: str | None = None


def declared(cls: type) -> list[Tuned]:
    """The tuned settings of a class, after those of its bases."""
    return [one for base in reversed(cls.__mro__) for one in vars(base).get("tuned", ())]


def entries(cls: type) -> list[Tuned]:
    """The tuned settings of a class and its bases; a later one overrides an earlier one.

    A class's own follow those of its bases; then those for one kind of backbone follow, then those
    for one task.
    """
    return sorted(declared(cls), key=lambda one: (one.task is not None, one.backbone is not None))


def applicable(cls: type, backbone: str | None, task: str | None) -> dict[str, Tuned]:
    """The tuned settings of a class by flag.

    Args:
        cls: A class of module.
        backbone: Its backbone; None for a new network.
        task: The name of its task; None where there is none.
    """
    found = entries(cls)
    kinds = kinds_of(backbone) if any(one.backbone for one in found) else ()
    return {
        one.flag: one
        for one in found
        if one.task in (None, task) and (one.backbone is None or one.backbone in kinds)
    }


def tuned_settings(
    cls: type, backbone: str | None, task: str | None = None
) -> dict[str, dict[str, Any]]:
    """The tuned settings of a class as arguments, for use from Python.

    Args:
        cls: A strategy, an objective or a way of prompting.
        backbone: The backbone: minilm | smollm2, a hub id, or a folder; None for a new network.
        task: The name of the task; the class's own if not given.

    Returns:
        The arguments of the ``model``, its ``task``, the ``data`` module and the ``trainer``.
    """
    parts: dict[str, dict[str, Any]] = {"model": {}, "task": {}, "data": {}, "trainer": {}}
    for flag, one in applicable(cls, backbone, task or getattr(cls, "default_task", None)).items():
        part, _, name = flag.removeprefix("model.task.").rpartition(".")
        parts[part or "task"][name] = one.value
    return parts


def kinds_of(backbone: str | None) -> tuple[Backbone, ...]:
    """The kinds of a backbone; none of one that cannot be read, which building it then says."""
    if backbone is None:
        return ("new",)
    if backbone in BUNDLED:
        return BUNDLED[backbone]
    from modules import backbone_files

    try:
        return kinds_of_files(_files(backbone_files.resolve(backbone)))
    except (OSError, ValueError):
        return ()


def kinds_of_files(files: dict[str, Path]) -> tuple[Backbone, ...]:
    """The kinds of the network with these files, by their names: config.json, modules.json."""
    from transformers.models.auto import modeling_auto as known

    config = json.loads(files["config.json"].read_text(encoding="utf-8"))
    if config.get("is_encoder_decoder"):
        return ("pretrained",)
    family = config.get("model_type")
    causal = family in known.MODEL_FOR_CAUSAL_LM_MAPPING_NAMES
    masked = family in known.MODEL_FOR_MASKED_LM_MAPPING_NAMES
    if config.get("is_decoder") or (causal and not masked):
        return ("pretrained", "decoder")
    if _SENTENCE_ENCODER in files:
        return ("pretrained", "encoder", "sentence encoder")
    return ("pretrained", "encoder")


def _files(place: str) -> dict[str, Path]:
    """The files of a folder, or of a repository of the hub, that tell the kind of a network."""
    names = ("config.json", _SENTENCE_ENCODER)
    if (folder := Path(place)).is_dir():
        return {name: folder / name for name in names if (folder / name).is_file()}
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import EntryNotFoundError

    from datamodules import reachability

    found = {}
    for name in names:
        try:
            local = name == "config.json" or not reachability.reachable()  # resolve has fetched it
            found[name] = Path(hf_hub_download(place, name, local_files_only=local))
        except EntryNotFoundError:  # also where the file is not in the cache
            continue
    return found
