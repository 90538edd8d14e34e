"""What does full fine-tuning reach on film review sentences: the yardstick for LoRA and others.

    python experiments/full_sst2.py

The same backbone, data and metrics as lora_sst2.py, with every weight trained.
"""

from experiments.runner.cli import main
from datamodules import SST2
from modules import FullFineTuning

if __name__ == "__main__":
    main(__file__, __doc__, FullFineTuning, SST2, {"trainer.max_epochs": 2})
