"""The parts of a model card: front matter for the hub, results, data, training and limits."""

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from huggingface_hub import EvalResult, ModelCardData

_MARKDOWN = re.compile(r"([\\`*\[\]<>|#~]|(?<!\w)_|_(?!\w))")
# A path from the root or from home, of any system; not the path of an address or a relative one.
_PATH = re.compile(r"(?:(?<![\w./:~-])~?/|\b[A-Za-z]:\\)[^\s,;:'\"\[\]{}()]+")
_HUB_ID = re.compile(r"[\w.-]+/[\w.-]+")
_RARE = 20  # training rows of a class below which a card warns of it
_CLASSES = 50  # classes that a table shows
# The metrics of a card, by their names in torchmetrics, as the hub calls them.
_HUB_METRICS = {"accuracy": "accuracy", "f1": "f1", "f1_macro": "f1", "pearson": "pearsonr"}
_HUB_METRICS |= {"spearman": "spearmanr", "mse": "mse", "matthews": "matthews_correlation"}
_HUB_METRICS |= {"perplexity": "perplexity"}


def plain(text: Any) -> str:
    """Return text that Markdown, in a table or outside, shows as it is, in one line."""
    return _MARKDOWN.sub(r"\\\1", " ".join(str(text).split()))


def code(text: Any) -> str:
    """Return text as code within a line of Markdown."""
    shown = " ".join(str(text).split())
    return f"`` {shown} ``" if "`" in shown else f"`{shown}`"


def without_folders(text: str) -> str:
    """Return text with the last part of each path of this machine in place of the path."""
    flag, equals, value = text.partition("=")
    if equals and flag.startswith("-"):
        return f"{flag}={without_folders(value)}"
    if Path(text).is_absolute() or text.startswith("~/"):  # perhaps with spaces in it
        return _last(text)
    return _PATH.sub(lambda found: _last(found[0]), text)


def _last(path: str) -> str:
    return re.split(r"[/\\]", path.rstrip("/\\"))[-1] or "FOLDER"


def front_matter(
    model_name: str,
    task_type: str,
    library: str,
    base: str | None,
    tags: Sequence[str],
    facts: Mapping[str, Any],
) -> str:
    """Return the YAML that the hub reads, between its lines of dashes.

    Args:
        model_name: The name of the model.
        task_type: The pipeline of transformers.
        library: The library that opens the folder.
        base: The hub id of the model that it began from, if it has one.
        tags: Words to find it by.
        facts: The facts about the run; of them the licence, the data and the metrics.
    """
    data = facts.get("data", {})
    origin = without_folders(str(data.get("origin", "")))
    hub = _HUB_ID.match(origin) if data.get("source") == "hub" else None
    results = [
        EvalResult(
            task_type=task_type,
            dataset_type=hub[0] if hub else "own",
            dataset_name=" ".join(origin.split()) or "unknown",
            dataset_split={"val": "validation"}.get(split, split),
            metric_type=_HUB_METRICS[metric],
            metric_name=metric,
            metric_value=round(float(value), 4),
        )
        for name, value in sorted(facts.get("metrics", {}).items())
        for split, _, metric in [name.partition("/")]
        if metric in _HUB_METRICS
    ]
    card = ModelCardData(
        base_model=base if base and _HUB_ID.fullmatch(base) else None,
        datasets=[hub[0]] if hub else None,
        eval_results=results or None,
        library_name=library,
        license=(facts.get("base_licence") or "").lower() or None,
        metrics=sorted({result.metric_type for result in results}) or None,
        model_name=model_name,
        pipeline_tag=task_type,
        tags=[*tags, "pretune"],
    )
    return f"---\n{card.to_yaml()}\n---\n\n"


def table(head: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """Return a table of Markdown; its cells may hold any text."""
    lines = [head, ["---"] * len(head), *([plain(cell) for cell in row] for row in rows)]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def results(facts: Mapping[str, Any]) -> str:
    """Return the section of the metrics of validation and test, and of each class."""
    metrics, reports = facts.get("metrics", {}), facts.get("report", {})
    if not metrics:
        return ""
    rows = []
    for name, value in sorted(metrics.items()):
        split, _, metric = name.partition("/")
        split = {"val": "validation"}.get(split, split)
        bounds = facts.get("intervals", {}).get(split, {}).get(metric)
        shown = f"{bounds[0]:.4f} to {bounds[1]:.4f}" if bounds else "-"
        rows.append((name, f"{value:.4f}", shown))
    for split, report in reports.items():
        for name, value in report.get("baseline", {}).items():
            if isinstance(value, float) and name != "prediction":
                answer = report["baseline"].get("label", "the mean")
                rows.append((f"{name} of always answering {answer}, {split}", f"{value:.4f}", "-"))
    text = "\n## Results\n\n" + table(("metric", "value", "95 % interval"), rows)
    if facts.get("intervals"):
        text += "\nIntervals are Wilson's, for the share of right answers among the rows.\n"
    split = "test" if "test" in reports else "validation"
    if classes := reports.get(split, {}).get("classes"):
        cells = [
            (
                one["name"],
                *(_share(one[key]) for key in ("precision", "recall", "f1")),
                one["support"],
            )
            for one in classes[:_CLASSES]
        ]
        text += f"\nBy class, on {reports[split]['rows']:,} {split} rows:\n\n"
        text += table(("class", "precision", "recall", "F1", "support"), cells)
        text += f"\n{len(classes) - _CLASSES:,} more.\n" if len(classes) > _CLASSES else ""
    return text


def data(facts: Mapping[str, Any]) -> str:
    """Return the section of the training data: source, fingerprint, licence, rows and labels."""
    known = facts.get("data", {})
    if not known:
        return ""
    rows = [
        ("source", without_folders(str(known.get("origin", "unknown")))),
        ("fingerprint", known.get("fingerprint", "unknown")),
        ("licence", facts.get("data_licence") or "unknown"),
    ]
    rows += [
        (f"taught beside, {name}", f"{told['origin']}, {told['licence']}")
        for name, told in (known.get("tasks") or {}).items()
    ]
    rows += [(f"rows, {split}", f"{count:,}") for split, count in known.get("rows", {}).items()]
    text = "\n## Data\n\n" + table(("", ""), rows)
    names, counts = known.get("labels") or [], known.get("label_counts", {}).get("train", [])
    if counts and len(names) == len(counts):
        total = max(1, known["rows"]["train"])
        pairs = list(zip(names, counts, strict=True))[:_CLASSES]
        text += "\nLabels in the training data:\n\n" + table(
            ("label", "rows", "share"), [(n, f"{c:,}", f"{c / total:.1%}") for n, c in pairs]
        )
        more = len(names) - _CLASSES
        text += f"\n{more:,} more.\n" if more > 0 else ""
    return text


def training(rows: Mapping[str, Any], facts: Mapping[str, Any]) -> str:
    """Return the section of how it was trained, with the command and the commit.

    Args:
        rows: What the module says of itself, in words.
        facts: The facts about the run.
    """
    told = {**rows, **facts.get("training", {})}
    if facts.get("tokens"):
        told["tokens seen"] = f"{facts['tokens']:,}"
    told["commit of Pretune"] = facts.get("git_commit") or "unknown"
    text = "\n## Training\n\n" + table(("", ""), told.items())
    if facts.get("command"):
        command = " ".join(str(facts["command"]).split()).replace("```", "'''")
        text += f"\n```sh\n{command}\n```\n"
    return text


def limits(facts: Mapping[str, Any], longest: int | None) -> str:
    """Return the section of what the model was not made for, or not tested on.

    Args:
        facts: The facts about the run; of them the data.
        longest: The most tokens of a text that the model reads.
    """
    known = facts.get("data", {})
    if facts.get("held_out"):
        lines = [
            "It was not tested: the test rows are held out, and all figures are of validation."
        ]
    else:
        lines = [
            "It was tested on rows of the same source alone; other texts, other languages and "
            "later ones may be read worse."
        ]
    if longest:
        lines.append(f"Longer texts than {longest:,} tokens are cut.")
    cut, count = known.get("cut_to_max_length", {}).get("train"), known.get("rows", {}).get("train")
    if cut and count:
        lines.append(f"{cut:,} of {count:,} training texts were cut.")
    if facts.get("unknown_share"):
        lines.append(
            f"{facts['unknown_share']:.1%} of the training tokens are unknown to the tokenizer."
        )
    counts = known.get("label_counts", {}).get("train", [])
    names = known.get("labels") or []
    rare = [n for n, c in zip(names, counts, strict=False) if c < _RARE]
    if rare:
        shown = ", ".join(map(plain, rare[:10])) + ", ..." * (len(rare) > 10)
        lines.append(f"Classes with fewer than {_RARE} training rows: {shown}.")
    return "\n## Limits\n\n" + "".join(f"- {line}\n" for line in lines)


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"
