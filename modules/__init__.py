"""Every LightningModule and task by name: ``from modules import LoRA``."""

from modules.finetuning.full import FullFineTuning
from modules.finetuning.lora import LoRA
from modules.tasks import Classification

__all__ = ["Classification", "FullFineTuning", "LoRA"]
