"""All that is known of a metric: its direction, its range, and which values of it compare.

Names follow the field. A task or module that logs others declares them as ``metric_facts``; see
:func:`declared`.
"""

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from functools import cache
from typing import Any

INFINITE = math.inf
SPLITS = {"test": "test", "val": "validation"}  # by the stage in a metric's name
# What two runs may have in common; ``runner.meaning`` tells the values of a run.
ASPECTS = ("objective", "task", "tokenizer", "text", "data", "rows")
_LABELS = ("task", "data", "rows")
_TOKENS = ("objective", "tokenizer", "data", "rows")


@dataclass(frozen=True)
class Metric:
    """The facts about a metric.

    Attributes:
        higher: Whether more is better; None where nobody has said so.
        low: The least value that it can have.
        high: The largest value that it can have.
        same: What must be equal for two values to mean the same, out of ``ASPECTS``.
    """

    higher: bool | None = None
    low: float = -INFINITE
    high: float = INFINITE
    same: tuple[str, ...] = _LABELS

    def sign(self) -> int:
        """1 where more is better, -1 where less is; 1 also where nobody has said so."""
        return -1 if self.higher is False else 1

    def bounds(self, values: Iterable[float]) -> tuple[float, float]:
        """The range, on the scale of the values: a share may be logged as a percentage.

        A value outside both means that the range is not that of these values; they have no bounds.
        """
        finite = [value for value in values if math.isfinite(value)]
        least, most = min(finite, default=self.low), max(finite, default=self.high)
        for scale in (1.0, 100.0) if self.high == 1 else (1.0,):
            if scale * self.low <= least and most <= scale * self.high:
                return scale * self.low, scale * self.high
        return -INFINITE, INFINITE


_SHARE, _CORRELATION = Metric(True, 0.0, 1.0), Metric(True, -1.0, 1.0)
_ERROR = Metric(False, 0.0)
# The first rule whose words the last part of a name has; "loss" is before what it is a loss of.
_RULES = {
    r"bits_per_\w+|bpb|bpc": Metric(False, 0.0, same=("objective", "text")),
    r"perplexity|ppl": Metric(False, 1.0, same=_TOKENS),
    r"loss|nll": Metric(False, same=("objective", "task", "tokenizer", "data", "rows")),
    r"error(_rate)?|mae|mse|rmse|wer|cer|ter|ece|brier(_score)?": _ERROR,
    r"token_accuracy": replace(_SHARE, same=_TOKENS),
    r"accuracy|acc|precision|recall|f1|fbeta|exact_match|em|auroc|roc_auc|auc|auprc": _SHARE,
    r"average_precision|map|mrr|ndcg|hits|jaccard|iou|specificity|win_rate": _SHARE,
    r"(sacre)?bleu|chrf|meteor|rouge(\d|l|lsum)?|bert_?score": _SHARE,
    r"pearson(_?r)?|spearman(_?r)?|kendall(_tau)?|matthews|mcc|(cohen_)?kappa": _CORRELATION,
    r"r2|r_squared": Metric(True, high=1.0),
    r"margins?": Metric(True, same=("objective", "task", "tokenizer", "data", "rows")),
}
# What may follow the word: the mean over classes, a rank, or a part of ROUGE.
_AFTER = r"([_@]?(at|top|k|macro|micro|weighted|samples|mean|avg|score|[fp]measure|fmeasure|\d+))*"
_AFTER = rf"{_AFTER}(\+\+)?(_(precision|recall|fmeasure))?"
_COMPILED = [
    (re.compile(rf"(?:.*[_\-/.])?(?:{words}){_AFTER}", re.IGNORECASE), known)
    for words, known in _RULES.items()
]


def facts(name: str, own: Mapping[str, Any] | None = None) -> Metric:
    """The facts about a metric.

    Args:
        name: Its name, with or without the stage: test/accuracy, accuracy.
        own: The facts that a run declares, by names without the stage, as result.json has them
            under ``metric_facts``.
    """
    known = _by_name(name)
    told = (own or {}).get(name.partition("/")[2] or name, {})
    if told.get("higher") not in (None, known.higher):  # another metric than the name's
        known = Metric(same=known.same)
    changed = {key: value for key, value in told.items() if value is not None}
    if "same" in changed:
        changed["same"] = tuple(changed["same"])
    return replace(known, **changed)


def from_flat(*configs: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """The facts that runs declare, out of their flat configs in records; the first ones hold."""
    found: dict[str, dict[str, Any]] = {}
    for key, value in (pair for config in configs for pair in config.items()):
        if key.startswith("metric_facts."):
            name, _, fact = key.removeprefix("metric_facts.").rpartition(".")
            found.setdefault(name, {}).setdefault(fact, value)
    return found


@cache
def _by_name(name: str) -> Metric:
    last = name.rpartition("/")[2]
    return next((known for words, known in _COMPILED if words.fullmatch(last)), Metric())


def direction(name: str, own: Mapping[str, Any] | None = None) -> str | None:
    """``min`` or ``max``, whichever is better for a metric; None where nobody has said so."""
    higher = facts(name, own).higher
    return None if higher is None else "max" if higher else "min"


def lower_is_better(name: str, own: Mapping[str, Any] | None = None) -> bool:
    """Tells whether less of a metric is better; False where nobody has said so."""
    return facts(name, own).higher is False


def declared(model: Any) -> dict[str, dict[str, Any]]:
    """The facts that the classes of a run declare beyond the names, for result.json.

    Four places may have them; a later one counts for more:

    - ``higher_is_better``, ``plot_lower_bound`` and ``plot_upper_bound`` of the metrics, which are
      classes of torchmetrics;
    - the ``mode`` of the module's ``monitor``;
    - the task's ``metric_facts``, such as ``{"agreement": {"higher": True, "low": 0, "high": 1}}``,
      with the arguments of :class:`Metric` as keys, and those of its bases;
    - the module's ``metric_facts``.

    Raises:
        ValueError: If a class declares what a metric does not have.
    """
    found: dict[str, dict[str, Any]] = {}
    for name, metric in _measured(model):
        higher, known = metric.higher_is_better, facts(name)
        # Bounds of a plot are not always those of the metric, as for Matthews' correlation, so a
        # name that is known here keeps its own.
        if higher is not None and higher != known.higher:
            bounds = metric.plot_lower_bound, metric.plot_upper_bound
            found[name] = {"higher": higher, "low": bounds[0], "high": bounds[1]}
    monitor, mode = getattr(model, "monitor", None), getattr(model, "mode", None)
    if monitor and mode and facts(monitor, found).higher is not (mode == "max"):
        found[monitor.partition("/")[2] or monitor] = {"higher": mode == "max"}
    for owner in (getattr(model, "task", None), model):
        for name, told in _own_facts(owner):
            _check(type(owner).__name__, name, told)
            found[name] = found.get(name, {}) | dict(told)
    # JSON has no infinity; a bound that is not there is none.
    return {
        name: {k: v for k, v in told.items() if v is not None and v not in (INFINITE, -INFINITE)}
        for name, told in found.items()
    }


def _own_facts(owner: Any) -> list[tuple[str, Mapping[str, Any]]]:
    """The ``metric_facts`` of an object, those of its bases first."""
    held = [vars(kind).get("metric_facts", {}) for kind in reversed(type(owner).__mro__)]
    held = [told for told in held if isinstance(told, Mapping)]  # a property is no mapping yet
    held.append(getattr(owner, "metric_facts", {}))
    return [pair for told in held for pair in told.items()]


def _measured(model: Any) -> list[tuple[str, Any]]:
    """The metrics of torchmetrics by which a module is validated and tested, by name."""
    stages = getattr(getattr(model, "metrics", None), "metrics", {})
    return [
        pair
        for stage, names in stages.items()
        if stage != "train_metrics"
        for pair in names.items()
    ]


def _check(owner: str, name: str, told: Mapping[str, Any]) -> None:
    known = asdict(Metric())
    if wrong := sorted(set(told) - set(known)):
        there = ", ".join(known)
        raise ValueError(
            f"{owner}.metric_facts: {name}: unknown {', '.join(wrong)}; there are {there}"
        )
    if wrong := sorted(set(told.get("same", ())) - set(ASPECTS)):
        raise ValueError(
            f"{owner}.metric_facts: {name}: same: unknown {', '.join(wrong)}; there are "
            f"{', '.join(ASPECTS)}"
        )
    low, high = told.get("low", -INFINITE), told.get("high", INFINITE)
    if not low < high:
        raise ValueError(f"{owner}.metric_facts: {name}: low {low} is not below high {high}")
