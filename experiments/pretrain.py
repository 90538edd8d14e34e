"""What does a network learn from clean text, by one of eight objectives?

    python experiments/pretrain.py --data.path data/imdb --model MaskedLM --model.size mini

Needs a corpus made by experiments/tools/prepare_corpus.py. It exports a network that every
fine-tuning experiment takes as --model.backbone.
"""

from experiments.runner.cli import main
from datamodules import Corpus
from modules import MaskedLM

if __name__ == "__main__":
    main(__file__, __doc__, MaskedLM, Corpus, {"trainer.val_check_interval": 0.25})
