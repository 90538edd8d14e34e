"""How much of the backbone has to train? Embeddings and the lowest layers stay frozen.

    python experiments/partial_freezing_sst2.py
    python experiments/partial_freezing_sst2.py --model.frozen_layers 4

The backbone, data and metrics are those of full_sst2.py.
"""

from experiments.runner.cli import main
from datamodules import SST2
from modules import PartialFreezing

if __name__ == "__main__":
    main(__file__, __doc__, PartialFreezing, SST2)
