"""How well does a language model classify film review sentences without training?

    python experiments/zero_shot_sst2.py
    python experiments/zero_shot_sst2.py --model.calibration content_free
    python experiments/zero_shot_sst2.py --model.task.template "{{ text }} It was {{ mask }}." \
        --model.task.verbalizer '{"negative": "bad", "positive": "good"}'

Nothing trains: SmolLM2 scores the words of the two classes after each sentence. Expect a test
accuracy of 0.78 on Rotten Tomatoes, in half a minute on two cores.
"""

from experiments.runner.cli import main
from datamodules import SST2
from modules import ZeroShot

if __name__ == "__main__":
    main(__file__, __doc__, ZeroShot, SST2)
