"""What does a trained model say of new texts? Predicts the rows of a file, or lines of a pipe.

    python experiments/tools/predict.py last new.csv                  # to the screen, as CSV
    python experiments/tools/predict.py last new.csv --output out.parquet
    python experiments/tools/predict.py RUN new.csv --output vectors.npy
    python experiments/tools/predict.py outputs/lora_sst2/RUN/export pairs.tsv --pair_column other
    echo "a gripping film" | python experiments/tools/predict.py RUN
    python experiments/tools/predict.py QA_RUN asked.jsonl --answers 3   # question and context

The columns of the file are kept, in its order, and joined by `prediction`, `confidence` and the
probabilities of the labels. Of several labels at once, the confidence is that of the least sure
one. A model that marks answers reads the columns `question` and `context`, or lines of JSON with
both in a pipe, and adds the place of the answer: `start` and `end`. A model that chooses reads
`question` (and `context`) with `choices`, or with a column for each such as `choice0`. A text that
is longer than the model reads is cut; such rows, and those left out, are listed at the end.
"""

import argparse
import sys
from itertools import chain
from pathlib import Path
from typing import Any

from experiments.common.arguments import FlagParser, at_least_one
from experiments.common.exits import guarded
from experiments.common.shell import command_name
from experiments.tools import prediction_files, prediction_rows


def main() -> None:
    """Predicts the rows of a file or of standard input."""
    with guarded(command_name()):
        asked = parse(sys.argv[1:])
        output = prediction_files.check(asked.output, asked.file)
        notes: list[str] = []
        rows = prediction_rows.read(asked.file, asked.column, asked.pair_column, notes)
        first = next(rows, None)
        if first is None:
            raise ValueError(f"{prediction_rows.named(asked.file)}: has no rows")
        rows = chain([first], rows)
        # torch and transformers, which --help and a mistake in the file spare
        from experiments.tools.prediction_loop import Prediction
        from experiments.tools.prediction_model import open_model

        module = open_model(asked.model, asked.runs, asked.backbone)
        Prediction(module, asked, output, notes).run(rows)


def parse(words: list[str]) -> argparse.Namespace:
    """Parses a command line; raises a ValueError of one line where it is wrong."""
    parser = FlagParser(__doc__)
    add = parser.add_argument
    add("model", metavar="RUN", help="Model: last, a run's id or folder, or a folder of an export")
    add(
        "file",
        nargs="?",
        default="-",
        metavar="FILE",
        help="Table or text file to predict; - reads lines from standard input (-)",
    )
    add(
        "--output",
        help="File to write, .csv, .jsonl or .parquet, or .npy of vectors; standard output, as "
        "CSV, if not given",
    )
    usual = "sentence or text, or the only one"
    add("--column", help=f"Column of the text, or a path such as data.text ({usual})")
    add("--pair_column", help="Column of the second text, for a model of pairs")
    add("--top", type=int, help="Number of likeliest labels to write, with their probabilities")
    add("--answers", type=int, help="Number of answers to list for a question about a context (1)")
    add("--batch_tokens", type=int, help="Most padded tokens of a batch (2048)")
    add(
        "--max_new_tokens", type=int, help="Most tokens of an answer, for a model that writes (256)"
    )
    add(
        "--bad_rows",
        choices=["stop", "skip"],
        default="stop",
        help="Whether a row without a readable text ends the command, or is left out (stop)",
    )
    add("--backbone", help="Folder of the export's backbone, if it is not found by its name")
    add("--runs", default="outputs", help="Folder in which all runs are kept (outputs)")
    asked: Any = parser.parse_args(words)
    at_least_one(asked, "top", "answers", "batch_tokens", "max_new_tokens")
    asked.file = "-" if asked.file == "-" else Path(asked.file).expanduser()
    if asked.file == "-" and (asked.column or asked.pair_column):
        flag = "column" if asked.column else "pair_column"
        raise ValueError(f"--{flag}: standard input has lines and no columns; give a FILE")
    return asked


if __name__ == "__main__":
    main()
