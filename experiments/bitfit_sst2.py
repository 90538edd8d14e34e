"""How well does a backbone classify film review sentences if only its biases train?

    python experiments/bitfit_sst2.py

The backbone, data and metrics are those of lora_sst2.py.
"""

from experiments.runner.cli import main
from datamodules import SST2
from modules import BitFit

if __name__ == "__main__":
    main(__file__, __doc__, BitFit, SST2)
