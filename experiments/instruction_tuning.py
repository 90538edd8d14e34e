"""Can a model learn to answer? Trains LoRA on instructions, and prints answers before and after.

    python experiments/instruction_tuning.py
    python experiments/instruction_tuning.py --data.source my.jsonl
    python experiments/instruction_tuning.py --data.unseen imdb,bbc,translate_fr
    python experiments/instruction_tuning.py --data.unseen bbc --data.unseen_wordings 10
    python experiments/tools/chat.py last

Fine-tunes SmolLM2 (134.5 M parameters) on 2,000 of the bundled records and 200 film sentences, or
on all records of your own: fewer records are read in more epochs. Expect a loss of 1.80 on the test
responses (before: 1.97). --data.unseen asks 200 questions each of tasks that were not trained,
which takes minutes; expect no significant change on them.
"""

from experiments.runner.cli import main
from datamodules import Instructions
from modules import LoRA

if __name__ == "__main__":
    defaults = {
        "model.backbone": "smollm2",
        "model.task": "InstructionFollowing",
        "trainer.callbacks": ["GenerationSamples", "UnseenTasks"],
        "data.train_rows": "auto",
        "data.eval_rows": 256,
        "data.tasks": "auto",
    }
    main(__file__, __doc__, LoRA, Instructions, defaults)
