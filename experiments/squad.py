"""Where in a text does the answer to a question stand?

    python experiments/squad.py --data.source bundled --data.train_rows 3000 --data.test_rows 500

Fine-tunes every weight of MiniLM on questions about articles of the encyclopaedia, and tests on
SQuAD's own development set. After the first of the two epochs expect an F1 of 0.56 and an exact
match of 0.40 on 789 validation questions, in 8 minutes of processor time an epoch; the sentence
with the most words of the question has an F1 of 0.23. Other data: --data QuestionFiles.
"""

from experiments.runner.cli import main
from datamodules import SQuAD
from modules import FullFineTuning

if __name__ == "__main__":
    defaults = {
        "trainer.max_epochs": 2,
        "model.task": "QuestionAnswering",
        "model.learning_rate": 3e-4,
    }
    main(__file__, __doc__, FullFineTuning, SQuAD, defaults)
