"""Which names stand in a tweet: persons, places, companies, …?

    python experiments/ner_wnut.py

Fine-tunes every weight of MiniLM on 1,900 tweets whose words have a tag each.
"""

from experiments.runner.cli import main
from datamodules import WNUT
from modules import FullFineTuning

if __name__ == "__main__":
    defaults = {
        "trainer.max_epochs": 8,
        "model.task": "TokenClassification",
        "model.learning_rate": 2e-4,
    }
    main(__file__, __doc__, FullFineTuning, WNUT, defaults)
