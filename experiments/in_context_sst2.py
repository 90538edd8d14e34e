"""How much do solved examples in the prompt help, and does the choice of examples matter?

    python experiments/in_context_sst2.py
    python experiments/in_context_sst2.py --model.shots 8 --model.selection bm25 --seed_everything 1

Nothing trains: four training sentences with their classes stand before each sentence. Expect a test
accuracy between 0.53 and 0.79 on Rotten Tomatoes, depending on the seed. With ``--model.calibration
texts``, which removes the bias of the examples, it is 0.79 with every seed.
"""

from experiments.runner.cli import main
from datamodules import SST2
from modules import InContext

if __name__ == "__main__":
    main(__file__, __doc__, InContext, SST2)
