"""A model that was read from an export, and the names of the files of exports."""

from pathlib import Path
from typing import Any

import safetensors.torch

from modules.finetuning.base import FineTuningModule

MODULE_FILE = "module.json"  # the class and its arguments, in every export of a fine-tuned module
OWN_WEIGHTS = "trained.safetensors"  # of a module that neither transformers nor peft knows
HEAD_WEIGHTS = "head.safetensors"  # of a mean-pooled head, beside its encoder
ADAPTER = "adapter_config.json"  # of peft


class Refused(ValueError):
    """A folder that is whole, and whose model cannot predict here."""


class Exported(FineTuningModule, abstract=True):
    """A model of transformers, or of peft on its base, that was read from an export.

    Args:
        folder: The folder of the export.
        strategy: The class that trained it.
        kwargs: The arguments of the base; ``backbone`` is the folder of the base's weights.
    """

    def __init__(self, folder: str, strategy: str = "", **kwargs: Any) -> None:
        self._place, self.strategy = Path(folder), strategy
        super().__init__(**kwargs)

    def adapt(self, model: Any) -> Any:
        """Put the adapter or the head of the folder on the model, if it holds one.

        Raises:
            ValueError: If the folder lacks weights.
        """
        import peft

        if not (self._place / ADAPTER).is_file():
            new = {n: p for n, p in model.named_parameters() if n in model.new_parameters}
            file = self._place / HEAD_WEIGHTS
            held = safetensors.torch.load_file(file) if file.is_file() else {}
            if other := sorted(new.keys() ^ held.keys()):
                raise ValueError(f"its weights {'lack' if other[0] in new else 'have'} {other[0]}")
            for name, parameter in new.items():
                parameter.data.copy_(held[name])
            return model
        adapted = peft.PeftModel.from_pretrained(model, str(self._place))
        held = peft.load_peft_weights(str(self._place), device="cpu")
        wanted = peft.get_peft_model_state_dict(adapted, save_embedding_layers=False)
        if lacking := sorted(wanted.keys() - held.keys()):
            raise ValueError(f"its weights lack {lacking[0]}")
        return adapted
