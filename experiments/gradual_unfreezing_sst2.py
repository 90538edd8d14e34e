"""Does it help to unfreeze a backbone from the top, layer by layer, instead of all at once?

    python experiments/gradual_unfreezing_sst2.py

This is the full fine-tuning of full_sst2.py, with ULMFiT's gradual unfreezing (Howard & Ruder
2018).
"""

from experiments.runner.cli import main
from datamodules import SST2
from modules import FullFineTuning

if __name__ == "__main__":
    unfreezing = {"class_path": "callbacks.LayerwiseUnfreezing", "init_args": {"every_steps": 30}}
    main(__file__, __doc__, FullFineTuning, SST2, {"trainer.callbacks": [unfreezing]})
