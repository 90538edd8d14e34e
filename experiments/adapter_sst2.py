"""How well do bottleneck adapters classify film review sentences, and at what cost?

    python experiments/adapter_sst2.py
    python experiments/adapter_sst2.py --model.placement houlsby

The backbone, data and metrics are those of lora_sst2.py. Small layers between frozen ones train.
"""

from experiments.runner.cli import main
from datamodules import SST2
from modules import Adapter

if __name__ == "__main__":
    main(__file__, __doc__, Adapter, SST2)
