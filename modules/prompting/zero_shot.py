"""Zero-shot prompting: no examples."""

from datamodules.batches import LabelledBatch
from modules.prompting.base import PromptingModule


class ZeroShot(PromptingModule):
    """Asks the question alone, with or without an instruction (Radford et al. 2019)."""

    def demonstration_prefixes(self, batch: LabelledBatch) -> list[str]:
        return [""] * len(batch["input_ids"])
