"""Does the pipeline find personal data, and nothing else? Plants cases in film reviews.

    python -m experiments.benchmarks.pii_recall --count 2000

The formats and the look-alikes are in pii_cases.py.
"""

import argparse
from collections import Counter
from collections.abc import Iterable

from datamodules.pipeline import pii
from experiments.benchmarks.pii_cases import Span, pii_cases


def score(cases: Iterable[tuple[str, list[Span]]]) -> dict[str, tuple[int, int, int]]:
    """Counts right, found and planted cases, by kind and in all; right ones have kind and ends."""
    right, found, planted = Counter(), Counter(), Counter()
    for text, spans in cases:
        marked = {(item.kind, item.start, item.end) for item in pii.find(text)}
        for counter, group in ((right, marked & set(spans)), (found, marked), (planted, spans)):
            counter.update(kind for kind, _, _ in group)
            counter["all"] += len(group)
    return {kind: (right[kind], found[kind], planted[kind]) for kind in (*pii.KINDS, "all")}


def pii_score(seed: int, count: int) -> tuple[dict[str, tuple[int, int]], int]:
    """The found and planted cases of each kind, and the number of wrong findings."""
    scores = score(pii_cases(seed, count))
    right, found, _ = scores.pop("all")
    return {kind: (hits, planted) for kind, (hits, _, planted) in scores.items()}, found - right


def table(scores: dict[str, tuple[int, int, int]]) -> str:
    """A table of precision and recall, with a line for each kind."""
    lines = [f"{'kind':8}{'planted':>9}{'found':>9}{'precision':>11}{'recall':>9}"]
    for kind, (right, found, planted) in scores.items():
        precision, recall = right / max(1, found), right / max(1, planted)
        lines.append(f"{kind:8}{planted:>9}{found:>9}{precision:>11.3f}{recall:>9.3f}")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--count", type=int, default=500)
    parser.add_argument("--misses", action="store_true", help="List missed and wrong cases")
    args = parser.parse_args()
    cases = pii_cases(args.seed, args.count)
    print(table(score(cases)))
    for text, spans in cases if args.misses else ():
        marked = {(item.kind, item.start, item.end) for item in pii.find(text)}
        for kind, start, end in sorted(marked ^ set(spans), key=lambda span: span[1]):
            name = "missed" if (kind, start, end) in spans else "wrong"
            before, after = text[max(0, start - 20) : start], text[end : end + 10]
            print(f"{name} {kind}: {before}[{text[start:end]}]{after}")


if __name__ == "__main__":
    main()
