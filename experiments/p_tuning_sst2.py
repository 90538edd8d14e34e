"""How far does a prompt that a small network makes bring a frozen backbone?

    python experiments/p_tuning_sst2.py
    python experiments/p_tuning_sst2.py --model.encoder lstm

The same backbone, data and metrics as lora_sst2.py.
"""

from experiments.runner.cli import main
from datamodules import SST2
from modules import PTuning

if __name__ == "__main__":
    defaults = {"trainer.max_epochs": 3, "model.task.pooling": "mean"}
    main(__file__, __doc__, PTuning, SST2, defaults)
