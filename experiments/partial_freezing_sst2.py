"""How much of the backbone has to train? Embeddings and the lowest layers stay as they are.

    python experiments/partial_freezing_sst2.py
    python experiments/partial_freezing_sst2.py --model.frozen_layers 4

The same backbone, data and metrics as full_sst2.py.
"""

from experiments.runner.cli import main
from datamodules import SST2
from modules import PartialFreezing

if __name__ == "__main__":
    main(__file__, __doc__, PartialFreezing, SST2, {"trainer.max_epochs": 2})
