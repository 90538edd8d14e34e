"""How far do rescaled keys, values and feed-forward activations bring a frozen backbone?

    python experiments/ia3_sst2.py

The same backbone, data and metrics as lora_sst2.py; one number per column trains.
"""

from experiments.runner.cli import main
from datamodules import SST2
from modules import IA3

if __name__ == "__main__":
    defaults = {"trainer.max_epochs": 3, "model.task.pooling": "mean"}
    main(__file__, __doc__, IA3, SST2, defaults)
