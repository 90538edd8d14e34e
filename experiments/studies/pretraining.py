"""Pre-trains networks with each objective and fine-tunes them, and untrained ones, in one way."""

import argparse
import subprocess
import sys
from pathlib import Path

from datamodules.spelling import did_you_mean
from experiments.common.arguments import FlagParser, at_least_one, check_only
from experiments.common.exits import guarded
from experiments.studies import labelled_sentences, pretraining_report
from experiments.studies.comparison import resume_hint
from experiments.studies.jobs import Comparison, Job, Row
from experiments.studies.pretraining_origins import Origin, chosen, with_others

_ROW_TOKENS, _BATCH = 128, 8
# At small budgets 4,000 pieces beat 8,000: each is seen more often, and they cost half the output.
_CORPUS = "--source imdb --tokenizer wordpiece --lowercase true --vocabulary 4000"
_ADAPTED = "--source imdb --tokenizer"  # the backbone's
_MANY, _SEEDS_OF_MANY = 1000, 3
_STAGES = ("pre-training", "fine-tuning")


def main(file: str, doc: str, origins: list[Origin]) -> None:
    """Runs the study from the command line: ``--budget``, ``--size``, ``--labels``, ``--seeds``.

    Args:
        file: The study's file; its name is the study's name.
        doc: The text of ``--help`` above the flags.
        origins: The rows of the table, in their order.
    """
    name = Path(file).stem
    with guarded(f"{name}.py"):
        asked = _parse(name, doc, origins)
        origins = with_others(origins)
        check_only(asked.only, [origin.name for origin in origins])
        root = Path(asked.output) / name
        wanted = chosen(origins, asked.only)
        if asked.corpus:
            _check_given(asked.corpus, wanted)
        with resume_hint():
            labelled_sentences.write(root)
            corpora = {b: _corpus(asked, root, b) for b in {o.backbone for o in wanted}}
            pretraining = _pretraining(asked, root, wanted, corpora)
            tuning = _fine_tuning(asked, root, wanted, pretraining)
            made, tuned = _run(asked, pretraining, tuning)
        ways = {name: _without_budget(job.row.flags) for (name, _), job in pretraining.items()}
        pretraining_report.report(root, asked.size, wanted, made, tuned, ways)


def _check_given(corpus: str, origins: list[Origin]) -> None:
    """A given corpus serves every row: new networks take any tokenizer, published ones their own.

    Raises:
        ValueError: If it has another tokenizer than the published weights of a row.
    """
    from datamodules.shards import read_manifest

    manifest = read_manifest(Path(corpus))
    theirs = manifest["tokenizer"].get("name")
    for backbone in {origin.backbone for origin in origins if origin.backbone} - {theirs}:
        from datamodules.packaged import load_tokenizer
        from modules.pretraining.network_checks import is_tokenizer_of

        if not is_tokenizer_of(backbone, load_tokenizer(str(Path(corpus) / "tokenizer"))):
            raise ValueError(
                f"--corpus {corpus}: its tokenizer is {theirs}; the rows of {backbone} need a "
                f"corpus made with --tokenizer {backbone}"
            )
    if "rotten_tomatoes" not in manifest["settings"].get("decontaminate", ""):
        print(
            f"note   --corpus {corpus}: made without --decontaminate rotten_tomatoes; the "
            f"sentences that test may stand in it"
        )


def _corpus(asked: argparse.Namespace, root: Path, backbone: str | None) -> Path:
    """The given corpus, or one of the bundled reviews, which the first call makes."""
    if asked.corpus:
        return Path(asked.corpus)
    folder = root / ("corpus" if backbone is None else f"corpus-{backbone}")
    if not (folder / "manifest.json").exists():
        print(f"making {folder}: about a minute, once", flush=True)
        words = (_CORPUS if backbone is None else f"{_ADAPTED} {backbone}").split()
        words += ["--decontaminate", f"imdb,rotten_tomatoes,{labelled_sentences.write(root)}"]
        script = str(Path(__file__).parents[1] / "tools" / "prepare_corpus.py")
        folder.parent.mkdir(parents=True, exist_ok=True)
        with folder.with_suffix(".log").open("w", encoding="utf-8") as log:
            command = [sys.executable, script, *words, "--output", str(folder)]
            ended = subprocess.run(command, stdout=log, stderr=subprocess.STDOUT)
        if ended.returncode < 0 or ended.returncode > 2:
            raise KeyboardInterrupt
        if ended.returncode:
            raise ValueError(f"{folder}: could not be made, see {log.name}")
    return folder


def _pretraining(asked, root: Path, origins: list[Origin], corpora: dict) -> dict:
    """The pre-training runs by (name, seed)."""
    from datamodules import Corpus

    steps = {}
    for origin in origins:
        place, key = corpora[origin.backbone], (origin.backbone, origin.rows)
        if key not in steps:
            data = Corpus(str(place), _ROW_TOKENS, _BATCH, rows=origin.rows)
            data.setup("fit")
            tokens = data.facts()["tokens"]["train"] / data.facts()["rows"]["train"]
            steps[key] = asked.budget / (tokens * _BATCH)
    jobs = {}
    for origin in origins:
        half = round(steps[origin.backbone, origin.rows] * origin.share / 2)
        flags = [
            *("--model", origin.objective, "--data.path", str(corpora[origin.backbone])),
            *("--data.rows", origin.rows, "--data.row_tokens", str(_ROW_TOKENS)),
            *("--data.batch_size", str(_BATCH), "--trainer.max_steps", str(2 * half)),
            *("--trainer.check_val_every_n_epoch", "null", "--trainer.max_epochs", "-1"),
            *("--trainer.val_check_interval", str(max(1, half))),
            *("--trainer.log_every_n_steps", "50", "--trainer.enable_progress_bar", "false"),
            *(("--model.size", asked.size) if origin.backbone is None else ()),
            *(("--model.backbone", origin.backbone) if origin.backbone else ()),
            *origin.flags,
        ]
        row = Row(f"pretrained {origin.name}", "pretrain", tuple(flags))
        for seed in range(asked.pretrainings):
            jobs[origin.name, seed] = Job(row, seed, row.flags, root, work=origin.share)
    return jobs


def _without_budget(flags: tuple[str, ...]) -> str:
    """The flags of pre-training that two budgets have in common."""
    places = [flags.index(f"--trainer.{name}") for name in ("max_steps", "val_check_interval")]
    left_out = {n for place in places for n in (place, place + 1)}
    return " ".join(word for n, word in enumerate(flags) if n not in left_out)


def _fine_tuning(asked, root: Path, origins: list[Origin], pretraining: dict) -> dict:
    """The fine-tuning runs by (name, labels, seed), each after its pre-training."""
    jobs = {}
    for seed in range(asked.seeds):
        for labels in asked.labels:
            if seed >= _SEEDS_OF_MANY and (labels == "all" or labels > _MANY):
                continue
            for origin in origins:
                flags = (
                    *_sentences(root, labels),
                    *("--model.backbone", "{run}/export"),
                    *_amount(labels),
                    *("--trainer.log_every_n_steps", "50", "--trainer.enable_progress_bar=false"),
                    *origin.tuning,
                )
                row = Row(f"{origin.name} {labels} labels", "full_sst2", flags)
                before = pretraining[origin.name, seed % asked.pretrainings]
                jobs[origin.name, labels, seed] = Job(row, seed, flags, root, before)
    return jobs


def _sentences(root: Path, labels: int | str) -> tuple[str, ...]:
    """The flags of the labelled sentences: with few labels, those that no run uses test as well."""
    if labels == "all" or labels > _MANY:
        return "--data", "RottenTomatoes", "--data.source", "bundled"
    return "--data", "TextFiles", "--data.source", str(labelled_sentences.folder(root))


def _amount(labels: int | str) -> tuple[str, ...]:
    """The flags for so many labels: fewer labels get more epochs, all get 2 or 3 validations."""
    epochs = 2 if labels == "all" else min(20, max(3, 4000 // labels))
    rows = () if labels == "all" else ("--data.train_rows", str(labels))
    every = epochs // 2
    return (
        *rows,
        *("--trainer.max_epochs", str(epochs // every * every)),
        *("--trainer.check_val_every_n_epoch", str(every)),
    )


def _run(asked: argparse.Namespace, *stages: dict) -> list[dict]:
    """Runs the jobs of all stages; returns the results of each stage under the keys of its jobs."""
    counts = " and ".join(f"{len(s)} of {what}" for what, s in zip(_STAGES, stages, strict=True))
    print(f"runs: {counts}, {asked.jobs} at a time", flush=True)
    comparison = Comparison([job for stage in stages for job in stage.values()], asked.jobs)
    comparison.run()
    for job, reason in comparison.failed.items():
        print(f"failed: {job.row.name}, seed {job.seed}: {reason}")
    found = [{key: r for key, job in stage.items() if (r := job.result())} for stage in stages]
    if not all(found):
        raise ValueError(f"no run has finished: {next(iter(comparison.failed.values()))}")
    return found


def _parse(name: str, doc: str, origins: list[Origin]) -> argparse.Namespace:
    parser = FlagParser(doc, name=f"{name}.py")
    add, names = parser.add_argument, [origin.name.lower() for origin in origins]
    add("--budget", type=float, default=2e6, help="Pre-training tokens of each objective (2e6)")
    add("--size", default="tiny", help="Size of the networks: tiny, mini, small or base (tiny)")
    labels = {"nargs": "+", "type": _labels, "default": [500]}
    add("--labels", **labels, help="Numbers of labelled rows for fine-tuning, or all (500)")
    fewer = f"at most {_SEEDS_OF_MANY} with more than {_MANY:,} labels"
    add("--seeds", type=int, default=10, help=f"Fine-tuning runs of each network, {fewer} (10)")
    add(
        "--pretrainings",
        type=int,
        default=1,
        help="Pre-training runs of each network, with seeds 0, 1 … (1)",
    )
    rows = f"Rows to run (those of new small networks): {', '.join(names)}"
    add("--only", nargs="+", default=[], metavar="NAME", type=str.lower, help=rows)
    add("--jobs", type=int, default=2, help="Runs at the same time, which share the cores (2)")
    corpus = "Folder of prepare_corpus.py, for all rows (the bundled film reviews)"
    add("--corpus", help=corpus)
    add("--output", default="outputs", help="Folder for runs and results (outputs)")
    asked = parser.parse_args()
    from modules.pretraining.network_checks import SIZES

    if asked.size not in SIZES:
        hint = did_you_mean(asked.size, SIZES)
        raise ValueError(f"--size {asked.size}: there are {', '.join(SIZES)}{hint}")
    at_least_one(asked, "seeds", "pretrainings", "jobs", "budget")
    if asked.corpus and not (Path(asked.corpus) / "manifest.json").exists():
        raise ValueError(f"--corpus {asked.corpus}: no corpus; make one with prepare_corpus.py")
    return asked


def _labels(word: str) -> int | str:
    if word != "all" and not (word.isdigit() and int(word)):
        raise argparse.ArgumentTypeError(f"{word}: a number of rows, or all")
    return word if word == "all" else int(word)
