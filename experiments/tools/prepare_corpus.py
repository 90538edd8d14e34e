"""Which part of raw text is fit for pre-training? Makes a corpus of it.

    python experiments/tools/prepare_corpus.py --source imdb --output data/imdb
    python experiments/tools/prepare_corpus.py --source 'pages/*.html' --output data/pages \\
        --languages en,zh
    python experiments/tools/prepare_corpus.py --source books/ --source code/ --output data/mix \\
        --kind prose,code --weights 0.7,0.3

Cleans, filters, deduplicates and tokenises into shards that the Corpus data module reads. Every
removed document is in removed.parquet with the reason. The same command continues after a stop.
"""

import json
import sys
from collections import Counter
from datetime import timedelta
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any

from datamodules import corpus_checks
from experiments.common.exits import guarded
from experiments.common.shell import command_name, git_commit, this_command
from experiments.reporting import screen
from experiments.runner.run_folder import new_id
from experiments.tracking.settings import Tracking, resolve_mode

if TYPE_CHECKING:  # the pipeline's libraries are an extra; without them, the user gets one line
    from datamodules.pipeline.settings import Settings

SAMPLES = 20  # of removed documents for each rule, in the record


def main() -> None:
    """Makes the corpus that the command line asks for, or continues it."""
    with guarded(command_name()):
        settings, tracking = _parse()
        from datamodules.pipeline import execution, locating, unspaced
        from datamodules.pipeline.decontamination import ContaminationIndex

        started = monotonic()
        origins, skipped = zip(*map(locating.prepare, settings.sources), strict=True)
        origin = ", ".join(origins)
        sets = evaluation_sets(settings)
        resolve_mode(tracking)  # a mistake in it shows before the work
        if execution.claim_folder(settings, origin):
            print(f"note   {settings.output} is finished already")
            _conclude(settings, started)
            return
        print(f"source {origin}\nout    {settings.output}")
        for source, files in zip(settings.sources, skipped, strict=True):
            if files:
                found = locating.counted(files)
                print(f"note   {source.name}: not read as {source.options.kind}: {found}")
        sys.stdout.flush()
        for language in settings.listed("languages"):
            if language in unspaced.NOTES:
                print(f"note   {unspaced.NOTES[language]}", flush=True)
        if sets:
            ContaminationIndex.save(sets, _made(settings.work) / "contamination.npz")
        facts = {"origin": origin, "git_commit": git_commit(), "run": new_id()}
        facts["skipped"] = dict(sum(skipped, Counter()))
        plan = execution.stages(settings, facts)
        if settings.executor == "slurm":
            jobs = execution.submit(settings, plan)
            print(f"done   {len(jobs)} Slurm jobs ({', '.join(jobs)}); when they are through:")
            print(f"       {this_command()}")
            return
        try:
            execution.run(settings, plan)
        except KeyboardInterrupt:
            print(
                f"\nContinue, without repeating finished parts, with: {this_command()}",
                file=sys.stderr,
            )
            raise
        _conclude(settings, started, tracking)


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _parse() -> tuple["Settings", Tracking]:
    from datamodules.pipeline.settings import Settings
    from experiments.runner import unread_flags  # the workers do without them
    from experiments.runner.plain_parser import PlainParser

    parser = PlainParser(prog=command_name(), description=__doc__)
    parser.add_class_arguments(Settings)
    parser.add_class_arguments(Tracking, "tracking")
    found = parser.instantiate(parser.parse_args(_with_one_source(sys.argv[1:])))
    tracking = found.pop("tracking")
    settings = Settings(**found.as_dict())
    from datamodules.pipeline import tokenizing  # with the libraries, which a wrong flag spares

    tokenizing.check(settings.tokenizer, settings.vocabulary)
    unread_flags.check(parser.given, {"": settings}, vars(settings))
    return settings, tracking


def _with_one_source(words: list[str]) -> list[str]:
    """Turns a flag --source that is given several times into one with a list."""
    rest, sources = [], []
    given = iter(words)
    for word in given:
        flag, is_whole, value = word.partition("=")
        if flag != "--source":
            rest.append(word)
        elif is_whole:
            sources.append(value)
        else:
            sources += [value for value in [next(given, None)] if value is not None]
    if len(sources) < 2:
        return words
    return [*rest, f"--source={json.dumps(sources)}"]


def evaluation_sets(settings: "Settings") -> dict[str, list[str]]:
    """The texts that must not be in the corpus, by the name of their set."""
    from datamodules import tables as labelled_tables
    from datamodules.classification import bundled_reviews

    sets = {}
    for name in settings.listed("decontaminate"):
        if name in ("imdb", "rotten_tomatoes"):
            try:
                splits = bundled_reviews(name).splits
            except ValueError as error:
                raise ValueError(f"--decontaminate {name}: {error}; or leave it out") from error
            sets[name] = [*splits["validation"].texts, *splits["test"].texts]
            continue
        path = Path(name).expanduser()
        if not path.is_file():
            raise ValueError(
                f"--decontaminate {name}: neither imdb, rotten_tomatoes nor a file (tsv, csv, "
                f"jsonl, parquet, txt)"
            )
        sets[path.name] = labelled_tables.read_texts(path)
    return sets


def _conclude(settings: "Settings", started: float, tracking: Tracking | None = None) -> None:
    """Prints the funnel, records the corpus, and prints the last lines."""
    manifest = json.loads((settings.folder / "manifest.json").read_text(encoding="utf-8"))
    print("\n" + funnel_table(manifest))
    where = ""
    if tracking is not None:
        from datamodules.pipeline import formatting
        from experiments.tracking.corpus_run import log

        where = log(settings.folder, manifest, tracking)
        formatting.clear(settings)
    splits = manifest["splits"]
    counts = ", ".join(
        f"{split}: {count['documents']:,} documents, {count['tokens']:,} tokens"
        for split, count in splits.items()
    )
    took = timedelta(seconds=round(monotonic() - started))
    print(f"\n{counts}\nfingerprint {manifest['fingerprint'][:16]}, {took}")
    print(f"done   {settings.output} (manifest.json, removed.parquet, documents/, train/)\n{where}")


def funnel_table(manifest: dict[str, Any]) -> str:
    """A table of documents, words and bytes after each stage, and of removed documents."""
    first = manifest["funnel"][0]
    rows = [("", "documents", "words", "bytes", "taken", "most of them by")]
    rows.append(
        ("read", *(f"{first[f'{u}_in']:,}" for u in ("documents", "words", "bytes")), "", "")
    )
    for row in manifest["funnel"]:
        stage, taken = row["stage"], row["documents_in"] - row["documents_out"]
        rules = [k.partition("/") for k in manifest["removed"]]
        best = next((r for s, _, r in rules if s == stage), "")
        numbers = [f"{row[f'{unit}_out']:,}" for unit in ("documents", "words", "bytes")]
        rows.append((stage, *numbers, f"{taken:,}" if taken else "", best))
    lines = [screen.table(rows)]
    if count := manifest["unreadable"]["count"]:
        lines.append(
            f"note   {count} could not be read: {'; '.join(manifest['unreadable']['first'][:3])}"
        )
    lines += [f"note   {line}" for line in corpus_checks.warnings(manifest)]
    lines += audit(manifest)
    if edits := {kind: n for kind, n in manifest["edits"].items() if n}:
        lines.append("edits  " + ", ".join(f"{n:,} {kind}" for kind, n in edits.items()))
    lines += time_lines(manifest.get("seconds", {}))
    return "\n".join(
        part for line in lines for part in ([line] if "\n" in line else screen.text_lines(line))
    )


def time_lines(seconds: dict[str, dict[str, float]]) -> list[str]:
    """Lines on the time of each stage, and of the parts of the first, which filters.

    Names what takes a second and a twentieth of the time.
    """
    stages = _largest(seconds.get("stages", {}))
    parts, total = _largest(seconds.get("screen", {})), sum(seconds.get("screen", {}).values())
    lines = []
    if stages:
        lines.append("time   " + ", ".join(f"{name} {spent:,.0f} s" for name, spent in stages))
    if parts:
        shares = ", ".join(f"{name} {spent / total:.0%}" for name, spent in parts)
        lines.append(f"screen {total:,.0f} s of processor time: {shares}")
    return lines


def _largest(seconds: dict[str, float]) -> list[tuple[str, float]]:
    total = sum(seconds.values())
    large = [item for item in seconds.items() if item[1] >= max(1, total / 20)]
    rest = total - sum(spent for _, spent in large)
    others = [("others", rest)] if large and rest >= max(0.5, total / 200) else []
    return [*sorted(large, key=lambda item: -item[1]), *others]


def audit(manifest: dict[str, Any]) -> list[str]:
    """Lines on what was found, left out or shortened on the way to the corpus."""
    lines = []
    for note, files in manifest.get("notes", {}).items():
        more = f" and {len(files) - 3} more files" if len(files) > 3 else ""
        lines.append(f"note   {', '.join(files[:3])}{more}: {note}")
    for reason, count in manifest.get("left_out", {}).items():
        lines.append(f"note   left out: {count:,} {reason}")
    for stage, found in manifest.get("shortened", {}).items():
        lines.append(
            f"note   {stage} took more than half of the words of {found['documents']:,} of the "
            f"documents that it kept, such as {found['first'][0]['id']} (manifest.json: shortened)"
        )
    sources = manifest.get("sources", [])
    if len(sources) > 1:
        lines += map(_source_line, sources)
    return lines


def _source_line(source: dict[str, Any]) -> str:
    asked = f" of {source['weight']:.1%} asked for" if source["weight"] else ""
    return (
        f"source {source['source']}: {source['documents']:,} documents, {source['words']:,} words, "
        f"{source['share']:.1%}{asked}"
    )


if __name__ == "__main__":
    main()
