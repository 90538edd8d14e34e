"""Does a language model answer better behind solved questions? Descriptions of things, in words.

    python experiments/in_context_qa.py --model.selection embeddings --model.order reversed
    python experiments/in_context_qa.py --model ZeroShot --data SQuAD --data.source bundled

Nothing trains: SmolLM2 reads four training questions with their answers, and writes its own.
prompting_qa.py compares these settings with trained ones. Other data: --data QuestionFiles
--data.source PATH.
"""

from experiments.runner.cli import main
from datamodules import Descriptions
from modules import InContext

if __name__ == "__main__":
    defaults = {"model.task": "PromptedGeneration", "data.test_rows": 200}
    main(__file__, __doc__, InContext, Descriptions, defaults)
