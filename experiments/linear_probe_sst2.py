"""What do the frozen backbone's features know: the floor for every other strategy?

    python experiments/linear_probe_sst2.py

The features of each text are computed once; from the second epoch on an epoch costs nothing.
"""

from experiments.runner.cli import main
from datamodules import SST2
from modules import LinearProbe

if __name__ == "__main__":
    defaults = {"trainer.max_epochs": 20, "model.task.pooling": "mean", "data.batch_tokens": 4096}
    main(__file__, __doc__, LinearProbe, SST2, defaults)
