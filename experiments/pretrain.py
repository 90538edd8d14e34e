"""What does a network learn from clean text, by one of seven objectives?

    python experiments/pretrain.py --data.path data/imdb --model MaskedLM --model.size mini

Needs a corpus of experiments/tools/prepare_corpus.py. Ends with a network that --model.backbone of
every fine-tuning experiment takes.
"""

from experiments.runner.cli import main
from datamodules import Corpus
from modules import MaskedLM

if __name__ == "__main__":
    main(__file__, __doc__, MaskedLM, Corpus, {"trainer.val_check_interval": 0.25})
