"""Which runs belong into one table: those that were tested on the same rows, without studies'."""

import math
from collections import Counter
from typing import Any

from experiments.common.metrics import facts, from_flat
from experiments.reporting import comparable
from experiments.tracking.run_reader import RunRecord, as_row

# Kinds of studies, in the words of job_type; a run of one has -run behind it.
STUDIES = ("ablation", "sweep", "learning-curve", "comparison")
_FACTS = ("id", "group", "job_type", "tags", "name")  # a filter on them asks for certain runs


def without_studies(runs: list[RunRecord]) -> tuple[list[RunRecord], str]:
    """The runs that belong to no study, and a line on the others; all if there are no others."""
    kept = [run for run in runs if run.job_type.removesuffix("-run") not in STUDIES]
    hidden = [run for run in runs if run not in kept]
    if not kept or not hidden:
        return runs, ""
    counts = Counter(run.group or run.job_type for run in hidden)
    listed = ", ".join(f"{group} {count:,}" for group, count in counts.most_common(5))
    more = ", …" * (len(counts) > 5)
    several = "ies" if len(counts) > 1 else "y"
    return kept, (
        f"{len(hidden):,} runs of {len(counts):,} stud{several} are not shown ({listed}{more}): "
        f"--studies shows them, group=NAME those of one"
    )


def asks_for_some(keys: list[str]) -> bool:
    """Whether a filter by one of these keys asks for certain runs, so that none is hidden."""
    return any(key in _FACTS for key in keys)


def by_data(runs: list[RunRecord]) -> dict[str, list[RunRecord]]:
    """The runs by the rows on which they were tested, in words; the most runs first.

    Runs share a table if source, number of test rows, labels and limit of test batches are the
    same; losses of pre-training also need the same corpus, objective and tokenizer. Runs with the
    same settings of data and seed but different content, as of a file that was edited, are kept
    apart.
    """
    found: dict[tuple[str, str], list[RunRecord]] = {}
    for run in runs:
        found.setdefault(_key(run), []).append(run)
    named: dict[str, list[RunRecord]] = {}
    for (name, _), group in found.items():
        parts = _same_content(group)
        for mark, part in parts.items():
            title = f"{name}, content {mark[:8] or 'unknown'}" if len(parts) > 1 else name
            alike = sum(one.partition(" (labels ")[0] == title for one in named)
            named[f"{title} (labels {alike + 1})" if alike else title] = part
    return dict(sorted(named.items(), key=lambda item: -len(item[1])))


def _key(run: RunRecord) -> tuple[str, str]:
    """What makes figures of two runs comparable: the part that is shown, and the rest."""
    config = run.config
    if not (known := config.get("dataset.origin")):
        source = config.get("data.source") or config.get("data.path") or ""
        return " ".join(filter(None, (config.get("data"), str(source)))) or "no record of data", ""
    split = config.get("dataset.test_split")
    said = [str(known)]
    if (rows := config.get(f"dataset.rows.{split}")) is not None:
        said.append(f"{rows:,} {split} rows")
    limit = config.get("trainer.limit_test_batches")
    if limit not in (None, 1.0) or (limit == 1 and isinstance(limit, int)):
        said.append(f"limit_test_batches {limit:g}")
    if config.get("dataset.source") == "corpus":
        said += [str(config.get(key)) for key in ("model", "dataset.tokenizer")]
        return ", ".join(said), str(config.get("dataset.fingerprint"))
    labels = config.get("dataset.labels")
    return ", ".join(said), "" if labels is None else str(sorted(map(str, labels)))


def _same_content(runs: list[RunRecord]) -> dict[str, list[RunRecord]]:
    """The runs by fingerprint if two of them differ in nothing but that, else all together."""
    prints: dict[str, set[str]] = {}
    parts: dict[str, list[RunRecord]] = {}
    for run in runs:
        mark = str(run.config.get("dataset.fingerprint") or "")
        chosen = {k: v for k, v in run.config.items() if k.startswith(("data.", "seed_every"))}
        prints.setdefault(repr(sorted(chosen.items())), set()).add(mark)
        parts.setdefault(mark, []).append(run)
    changed = any(len(marks - {""}) > 1 for marks in prints.values())
    return parts if changed else {"": runs}


def stars(runs: list[RunRecord], metric: str, by: str) -> tuple[set[str], str]:
    """The runs that are the best of their group, and why some groups have none.

    A group has a star where it has a worse run, where its values mean the same, and where the
    metric's direction is known.

    Args:
        runs: The runs, the best first.
        metric: The metric.
        by: The setting that makes the groups; empty for one group.
    """
    groups: dict[str, list[RunRecord]] = {}
    for run in runs:
        if not math.isnan(run.metrics.get(metric, math.nan)):
            groups.setdefault(str(as_row(run).get(by, "")), []).append(run)
    found_best, unlike = set[str](), ""
    for group in groups.values():
        found = [_nested(run) for run in group]
        if why := comparable.mismatch(found, metric):
            unlike = unlike or why
        elif facts(metric, from_flat(group[0].config)).higher is not None:
            best = group[0].metrics[metric]
            leading = [run.id for run in group if run.metrics[metric] == best]
            found_best |= set(leading) if len(leading) < len(group) else set()
    return found_best, unlike


def _nested(run: RunRecord) -> dict[str, Any]:
    """The conditions of a run's metrics, out of its flat config."""
    found: dict[str, Any] = {"data": {}, "meaning": {}, "metric_facts": from_flat(run.config)}
    for key, value in run.config.items():
        first, _, rest = key.partition(".")
        if first == "meaning":
            found["meaning"][rest] = value
        elif first == "dataset":
            name, _, split = rest.partition(".")
            if name in ("rows", "split_fingerprints"):
                found["data"].setdefault(name, {})[split] = value
            elif name in ("test_split", "origin"):
                found["data"][name] = value
    return found
