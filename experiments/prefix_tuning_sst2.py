"""How well does a frozen backbone classify with trained keys and values in every layer?

    python experiments/prefix_tuning_sst2.py

The backbone, data and metrics are those of lora_sst2.py.
"""

from experiments.runner.cli import main
from datamodules import SST2
from modules import PrefixTuning

if __name__ == "__main__":
    main(__file__, __doc__, PrefixTuning, SST2)
