"""How do the other tuners of peft do on the same data? Any of them is a flag away.

    python experiments/peft_sst2.py --model.config VeraConfig
    python experiments/peft_sst2.py --model.config OFTConfig --model.settings.r 4

The same backbone, data and metrics as lora_sst2.py.
"""

from experiments.runner.cli import main
from datamodules import SST2
from modules import Peft

if __name__ == "__main__":
    main(__file__, __doc__, Peft, SST2, {"trainer.max_epochs": 2})
