"""Can a small decoder write the answers to questions about a text?

    python experiments/prompting_qa.py --data.source bundled

Trains a soft prompt of SmolLM2 on 400 questions, and tests on 100 of SQuAD's development set by
exact match and F1. --model.task.shots 2 puts solved training questions before each; --model LoRA
trains adapters instead. Other data: --data QuestionFiles --data.source PATH.
"""

from experiments.runner.cli import main
from datamodules import SQuAD
from modules import PromptTuning

if __name__ == "__main__":
    defaults = {
        "model.backbone": "smollm2",
        "model.task": "PromptedGeneration",
        "trainer.max_epochs": 1,
        "data.train_rows": 400,
        "data.test_rows": 100,
        "data.max_length": 1024,
        "data.batch_tokens": 2048,
    }
    main(__file__, __doc__, PromptTuning, SQuAD, defaults)
