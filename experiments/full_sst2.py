"""How well does full fine-tuning classify film review sentences? The baseline for LoRA and others.

    python experiments/full_sst2.py

The backbone, data and metrics are those of lora_sst2.py. Every weight trains.
"""

from experiments.runner.cli import main
from datamodules import SST2
from modules import FullFineTuning

if __name__ == "__main__":
    main(__file__, __doc__, FullFineTuning, SST2)
