"""Can a small decoder write the headline of an article?

    python experiments/headlines.py

Trains LoRA.
"""

from experiments.runner.cli import main
from datamodules import Headlines
from modules import LoRA

if __name__ == "__main__":
    defaults = {
        "model.backbone": "smollm2",
        "model.task": "SequenceToSequence",
        "model.task.template": "{{ source }}\n\nHeadline:",
        "model.task.max_new_tokens": 24,
        "model.rank": 8,
        "model.learning_rate": 5e-4,
        "trainer.max_epochs": 1,
        "data.max_source_length": 96,
        "data.train_rows": 300,
        "data.eval_rows": 60,
        "data.batch_tokens": 1024,
    }
    main(__file__, __doc__, LoRA, Headlines, defaults)
