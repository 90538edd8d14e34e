"""Does LoRA teach a sentence encoder which sentence follows from which?

    python experiments/nli_snli.py

Fine-tunes MiniLM on 20,000 pairs of SNLI: premise and hypothesis are read together. Expect a test
accuracy of 0.80 on 9,824 pairs; always the most frequent answer has 0.33.
"""

from experiments.runner.cli import main
from datamodules import SNLI
from modules import LoRA

if __name__ == "__main__":
    defaults = {"model.task": "PairClassification", "data.train_rows": 20_000}
    main(__file__, __doc__, LoRA, SNLI, defaults)
