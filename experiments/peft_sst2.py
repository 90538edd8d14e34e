"""How well do the other tuners of peft classify the same data? ``--model.config`` chooses one.

    python experiments/peft_sst2.py --model.config VeraConfig
    python experiments/peft_sst2.py --model.config OFTConfig --model.settings.r 4

The backbone, data and metrics are those of lora_sst2.py.
"""

from experiments.runner.cli import main
from datamodules import SST2
from modules import Peft

if __name__ == "__main__":
    main(__file__, __doc__, Peft, SST2)
