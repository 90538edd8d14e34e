"""Can a model learn to answer? Trains LoRA on instructions, and prints answers before and after.

    python experiments/instruction_tuning.py
    python experiments/instruction_tuning.py --data.source my.jsonl --data.tasks none
    python experiments/tools/chat.py last

Fine-tunes SmolLM2 (134.5 M parameters) on 2,000 of the bundled records and 200 film sentences, then
tests it on tasks that it was not trained on: films and news in other words. Expect a loss of 1.80
on the test responses (before: 1.97), and no significant change on the 200 questions of those tasks.
"""

from experiments.runner.cli import main
from datamodules import Instructions
from modules import LoRA

if __name__ == "__main__":
    defaults = {
        "model.backbone": "smollm2",
        "model.task": "InstructionFollowing",
        "trainer.callbacks": ["GenerationSamples", "UnseenTasks"],
        "data.train_rows": 2000,
        "data.eval_rows": 256,
        "data.tasks": "rotten_tomatoes",
        "data.unseen": "imdb,bbc",
    }
    main(__file__, __doc__, LoRA, Instructions, defaults)
