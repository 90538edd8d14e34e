"""How well does a frozen backbone classify if it learns to rescale keys, values and activations?

    python experiments/ia3_sst2.py

The backbone, data and metrics are those of lora_sst2.py. One factor per column trains.
"""

from experiments.runner.cli import main
from datamodules import SST2
from modules import IA3

if __name__ == "__main__":
    main(__file__, __doc__, IA3, SST2)
