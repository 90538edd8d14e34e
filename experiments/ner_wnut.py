"""Which names stand in a tweet: persons, places, companies, …?

    python experiments/ner_wnut.py

Fine-tunes every weight of MiniLM on 1,837 tweets whose words have a tag each. Expect an F1 over
entities of 0.55 on 229 tweets, and an accuracy of 0.964 by word; each word's most frequent tag has
0.946.
"""

from experiments.runner.cli import main
from datamodules import WNUT
from modules import FullFineTuning

if __name__ == "__main__":
    main(__file__, __doc__, FullFineTuning, WNUT, {"model.task": "TokenClassification"})
