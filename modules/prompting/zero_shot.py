"""No examples."""

from datamodules.batches import LabelledBatch
from modules.prompting.base import PromptingModule


class ZeroShot(PromptingModule):
    """The question alone, with or without an instruction (Radford et al. 2019)."""

    def leads(self, batch: LabelledBatch) -> list[str]:
        return [""] * len(batch["index"])
