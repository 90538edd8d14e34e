"""How much do solved examples in the prompt help, and how much does it matter which?

    python experiments/in_context_sst2.py
    python experiments/in_context_sst2.py --model.shots 8 --model.selection bm25 --seed_everything 1

Nothing trains: four training sentences with their classes stand before each sentence. Expect a test
accuracy anywhere between 0.53 and 0.79, by the seed, on Rotten Tomatoes, and of 0.79 with every
seed where ``--model.calibration texts`` takes out what the examples prefer.
"""

from experiments.runner.cli import main
from datamodules import SST2
from modules import InContext

if __name__ == "__main__":
    main(__file__, __doc__, InContext, SST2, {"data.batch_tokens": 8192})
