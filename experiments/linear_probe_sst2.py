"""How well do the frozen backbone's features classify? The lower bound for every other strategy.

    python experiments/linear_probe_sst2.py

The features of each text are computed once, so every epoch after the first costs almost nothing.
"""

from experiments.runner.cli import main
from datamodules import SST2
from modules import LinearProbe

if __name__ == "__main__":
    main(__file__, __doc__, LinearProbe, SST2)
