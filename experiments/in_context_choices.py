"""Does a language model choose better behind solved questions, and after calibration?

    python experiments/in_context_choices.py --data.source bundled
    python experiments/in_context_choices.py --model ZeroShot --model.calibration content_free \
        --data ChoiceFiles --data.source questions.jsonl

Nothing trains: SmolLM2 takes the choice with the highest likelihood behind the question. The
calibration divides that by the likelihood behind a question without content.
"""

from experiments.runner.cli import main
from datamodules import SocialIQA
from modules import InContext

if __name__ == "__main__":
    defaults = {"model.task": "PromptedGeneration", "model.task.answers": "choices"}
    main(__file__, __doc__, InContext, SocialIQA, defaults)
