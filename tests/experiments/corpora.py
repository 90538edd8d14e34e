"""Texts for the corpus pipeline, its calls, and what it wrote."""

import json
import random
import sys

from datamodules.pipeline.settings import TRAINED
from datamodules.pipeline.stage_files import read_rows
from experiments.tools import prepare_corpus
from tests.experiments import running
from tests.experiments.running import ROOT, environment

SCRIPT = ROOT / "experiments" / "tools" / "prepare_corpus.py"
QUIET = ["--tracking.mode", "disabled", "--decontaminate", "none"]
NOUNS = """harbour boat net boy dog wind sea knot soup evening morning street house door song river
    teacher garden letter window winter bridge market doctor village summer forest kitchen train
    soldier church farmer mountain station island painter neighbour captain sister horse""".split()
ADJECTIVES = """old young quiet broken yellow famous narrow heavy gentle empty wooden clever cold
    friendly silver hungry distant careful dusty early bright foreign humble""".split()
VERBS = """found mended watched lost followed painted sold remembered forgot counted carried hid
    borrowed described visited opened crossed admired feared built answered""".split()
PATTERNS = [
    "The {a} {n} {v} the {m} with a {b} {o}.",
    "They {v} a {a} {n} that had been in the {m} for years.",
    "In the {m}, {n} after {n} was {v} by the {a} {o}.",
    "Nobody {v} the {n} of that {b} {m}, but everyone {w} it.",
    "She {v} her {a} {n} and {w} to be as {b} as the {o}.",
    "There was a {n} in every {m}, and the {b} {o} {v} them all.",
    "When he {v} the {a} {m}, his {n} {w} him.",
    "It is said that a {b} {n} once {v} the {o} of the {m}.",
]


def sized(words):
    """The words of a call with a small vocabulary, where a tokenizer is trained."""
    line = [str(word) for word in words]
    kind = line[line.index("--tokenizer") + 1] if "--tokenizer" in line else "bpe"
    return ["--vocabulary", "400", *line] if kind in TRAINED else line


def prose(seed, sentences=12):
    """English that no rule objects to, another for each seed."""
    draw, made = random.Random(seed), []
    for _ in range(sentences):
        words = dict(zip("nmo", draw.sample(NOUNS, 3), strict=True))
        words |= dict(zip("ab", draw.sample(ADJECTIVES, 2), strict=True))
        words |= dict(zip("vw", draw.sample(VERBS, 2), strict=True))
        made.append(draw.choice(PATTERNS).format(**words))
    return "\n".join(" ".join(made[i : i + 3]) for i in range(0, sentences, 3))


def documents(folder):
    return {
        row["id"]: row
        for path in sorted((folder / "documents").glob("*.parquet"))
        for row in read_rows(path)
    }


def removals(folder):
    return {row["id"]: row for row in read_rows(folder / "removed.parquet")}


def manifest(folder):
    return json.loads((folder / "manifest.json").read_text())


def run(monkeypatch, *words, workers=1):
    """In this process; the exit code."""
    line = [str(SCRIPT), *QUIET, "--workers", str(workers), *sized(words)]
    monkeypatch.setattr(sys, "argv", line)
    try:
        prepare_corpus.main()
    except SystemExit as error:
        return error.code
    return 0


def start(folder, cache, *words, **options):
    """As a command line, in a process group of its own."""
    variables = environment(cache) | options.pop("variables", {})
    line, script = [*sized(words), *QUIET], "tools/prepare_corpus"
    return running.start(line, folder, cache, script, env=variables, **options)
