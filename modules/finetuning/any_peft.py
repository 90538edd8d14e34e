"""Any other method of peft."""

import dataclasses
from functools import cache
from typing import Any

from jsonargparse.typing import ClosedUnitInterval, PositiveFloat
from torch import nn
from transformers import PreTrainedModel

from datamodules.spelling import did_you_mean
from modules.finetuning.base import FineTuningModule
from modules.finetuning.targets import head_modules, linear_layers, norm_layers, transposed

# Those that act on something else than linear layers find it by peft's own tables.
_OTHER_TARGETS = {"BeftConfig", "IA3Config", "LNTuningConfig", "ShadowConfig"}
UNSUPPORTED = {
    "AdaLoraConfig": "its ranks move only where the training loop calls update_and_allocate",
    "CartridgeConfig": "its first keys stay frozen as they were drawn; see --model PrefixTuning",
    "MultitaskPromptTuningConfig": "reads task_ids, which the batches do not have",
    "PolyConfig": "reads task_ids, which the batches do not have",
    "PrefixTuningConfig": "is --model PrefixTuning",
    "PromptEncoderConfig": "is --model PTuning",
    "PromptTuningConfig": "is --model PromptTuning",
}


@cache
def configs() -> dict[str, Any]:
    """Return the config classes of peft by name."""
    from peft.mapping import PEFT_TYPE_TO_CONFIG_MAPPING

    return {config.__name__: config for config in PEFT_TYPE_TO_CONFIG_MAPPING.values()}


class Peft(FineTuningModule):
    """Trains by any config class of peft, with peft's own defaults.

    All linear layers are its targets, if it takes linear layers. The task's head trains whole.

    Args:
        config: Name of the class, such as VeraConfig (Kopiczko et al. 2024), OFTConfig, LoHaConfig.
        settings: Fields of the config, as {"r": 4}, or one by one as --model.settings.r 4.
        learning_rate: Highest learning rate of the schedule.
        backbone_dropout: Dropout rate in place of the architecture's own: 0, as few weights train.
    """

    def __init__(
        self,
        config: str = "VeraConfig",
        settings: dict[str, Any] | None = None,
        learning_rate: PositiveFloat = 1e-3,
        backbone_dropout: ClosedUnitInterval | None = 0.0,
        **kwargs: Any,
    ) -> None:
        self._config, self._settings = config, settings or {}
        super().__init__(learning_rate=learning_rate, backbone_dropout=backbone_dropout, **kwargs)

    def adapt(self, model: PreTrainedModel) -> nn.Module:
        import peft

        name, flag, classes = self._config, f"--model.config {self._config}", configs()
        if name not in classes:
            hint = did_you_mean(name, classes) or f"; it has {', '.join(classes)}"
            raise ValueError(f"{flag}: peft has no such class{hint}")
        fields = {field.name for field in dataclasses.fields(classes[name])}
        if name in UNSUPPORTED or "modules_to_save" not in fields:
            reason = UNSUPPORTED.get(name, "the head of a task would not train")
            raise ValueError(f"{flag}: {reason}")
        own = fields - {field.name for field in dataclasses.fields(peft.PeftConfig)}
        for setting in self._settings.keys() - (own - {"modules_to_save"}):
            known = ", ".join(sorted(own - {"modules_to_save"}))
            raise ValueError(f"--model.settings.{setting}: {name} has {known}")
        settings: dict[str, Any] = {
            "task_type": self.task.peft_type,
            "modules_to_save": head_modules(model),
        }
        if name == "LNTuningConfig":
            settings["target_modules"] = norm_layers(model)
        elif "target_modules" in fields and name not in _OTHER_TARGETS:
            settings["target_modules"] = linear_layers(model, "all-linear")
            if "fan_in_fan_out" in fields:
                settings["fan_in_fan_out"] = transposed(model, settings["target_modules"])
        try:
            return peft.get_peft_model(model, classes[name](**{**settings, **self._settings}))
        except Exception as error:  # peft's checks are of many types
            raise ValueError(f"{flag}: {' '.join(str(error).split())}") from error
