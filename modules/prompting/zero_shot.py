"""Zero-shot prompting: no examples."""

from datamodules.batches import LabelledBatch
from modules.prompting.base import PromptingModule
from modules.tuning import Tuned


class ZeroShot(PromptingModule):
    """Asks the question alone, with or without an instruction (Radford et al. 2019)."""

    tuned = (Tuned("data.batch_tokens", 4096, "experiments/prompting_sst2.py: 19 s"),)

    def demonstration_prefixes(self, batch: LabelledBatch) -> list[str]:
        return [""] * len(batch["index"] if "index" in batch else batch["input_ids"])
