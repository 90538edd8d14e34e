"""How far does a trained prompt alone bring a frozen backbone on film review sentences?

    python experiments/prompt_tuning_sst2.py
    python experiments/prompt_tuning_sst2.py --model.initialization text --model.text "Is it good?"

Twenty trained vectors stand before each text, and the head trains.
"""

from experiments.runner.cli import main
from datamodules import SST2
from modules import PromptTuning

if __name__ == "__main__":
    defaults = {"trainer.max_epochs": 4, "model.task.pooling": "mean"}
    main(__file__, __doc__, PromptTuning, SST2, defaults)
