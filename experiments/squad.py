"""Where in a text does the answer to a question stand?

    python experiments/squad.py --data.source bundled --data.train_rows 3000 --data.test_rows 500

Fine-tunes every weight of MiniLM on questions about articles of the encyclopaedia, and tests on
SQuAD's own development set. Measured after the first of the two epochs, 8 minutes of processor
time: F1 0.545 and exact match 0.400 on 500 questions; the sentence with the most words of the
question has an F1 of 0.185. Other data: --data QuestionFiles --data.source PATH.
"""

from experiments.runner.cli import main
from datamodules import SQuAD
from modules import FullFineTuning

if __name__ == "__main__":
    main(__file__, __doc__, FullFineTuning, SQuAD, {"model.task": "QuestionAnswering"})
