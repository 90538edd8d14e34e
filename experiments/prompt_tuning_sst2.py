"""How well does a frozen backbone classify film review sentences with a trained prompt?

    python experiments/prompt_tuning_sst2.py
    python experiments/prompt_tuning_sst2.py --model.initialization text --model.text "Is it good?"

Twenty trained vectors stand before each text. They and the head train.
"""

from experiments.runner.cli import main
from datamodules import SST2
from modules import PromptTuning

if __name__ == "__main__":
    main(__file__, __doc__, PromptTuning, SST2)
