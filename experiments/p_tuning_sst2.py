"""How well does a frozen backbone classify with a prompt that a small network generates?

    python experiments/p_tuning_sst2.py
    python experiments/p_tuning_sst2.py --model.encoder lstm

The backbone, data and metrics are those of lora_sst2.py.
"""

from experiments.runner.cli import main
from datamodules import SST2
from modules import PTuning

if __name__ == "__main__":
    main(__file__, __doc__, PTuning, SST2)
