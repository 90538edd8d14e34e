"""What would people feel, want or do? A decoder chooses by likelihood, and learns to.

    python experiments/social_iqa.py --data.source bundled

Of three answers it takes the one with the highest mean log-likelihood of its tokens: expect 0.48 of
197 test questions, where the answer with the most words of the question is right for 0.37, and the
longest for 0.32. It took 43 minutes on half of a busy core. Other data: --data ChoiceFiles
--data.source PATH.
"""

from experiments.runner.cli import main
from datamodules import SocialIQA
from modules import LoRA

if __name__ == "__main__":
    defaults = {
        "model.backbone": "smollm2",
        "model.task": "MultipleChoice",
        "model.task.scoring": "likelihood",
    }
    main(__file__, __doc__, LoRA, SocialIQA, defaults)
