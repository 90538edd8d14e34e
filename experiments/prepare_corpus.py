"""What is left of raw text when it is made fit for pre-training, and why did the rest go?

    python experiments/prepare_corpus.py --source imdb --out data/imdb
    python experiments/prepare_corpus.py --source 'pages/*.html' --out data/pages --languages en,zh

Cleans, filters, deduplicates and tokenises into shards that the Corpus data module reads. Every
removed document is in removed.parquet with its reason. Started again after a stop, it goes on.
"""

from experiments.corpus import main

if __name__ == "__main__":
    main(__file__, __doc__)
