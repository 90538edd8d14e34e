"""The table of docs/backbones.md."""

from collections import Counter, defaultdict

from tests.backbones.cells import Cell

Cells = dict[tuple[str, str, str], Cell]  # by family and column

_PAGE = """# Backbones

A family of `transformers` goes with a strategy, or is refused in one line when the module is
built. `python -m tests.backbones --write docs/backbones.md` made this table at commit {commit}, on
tiny random networks. Each cell trains, exports, loads the export and compares logits; texts are
tried alone and padded, those of a head on the right and on the left. Nothing knows a family by its
name: what has no line here goes the same way (`--only FAMILY` tries one).

{counts}

In the first {heads} columns `yes` is for both poolings of a text's head
(`--model.task.pooling`), `native` and `mean` for one of them.

{table}

## What is refused

{reasons}
"""


def page(cells: Cells, commit: str) -> str:
    """Return the page of all cells, and of the commit at which they were tried."""
    counts = Counter(cell.verdict for cell in cells.values())
    columns: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for _, name, task in cells:
        both = task in ("native", "mean")
        entry = columns[name if both else f"{name}, {task}"]
        entry += [(name, task)] * ((name, task) not in entry)
    families = list(dict.fromkeys(family for family, _, _ in cells))
    lines = [["family", *columns], ["---"] * (1 + len(columns))]
    for family in families:
        row = [_shown({task: cells[family, n, task] for n, task in c}) for c in columns.values()]
        lines.append([f"`{family}`", *row])
    shown = ", ".join(f"{count} {verdict}" for verdict, count in sorted(counts.items()))
    return _PAGE.format(
        commit=commit,
        counts=f"{len(families)} families, {len(cells)} cells: {shown}.",
        heads=sum(len(entry) == 2 for entry in columns.values()),
        table="\n".join(f"| {' | '.join(line)} |" for line in lines),
        reasons="\n".join(_reasons(cells)),
    )


def _shown(cells: dict[str, Cell]) -> str:
    works = [task for task, cell in cells.items() if cell.verdict == "works"]
    others = [cell.verdict for cell in cells.values() if cell.verdict not in ("works", "refused")]
    if others:
        return "/".join(sorted(set(others)))
    if len(works) == len(cells):
        return "yes"
    return works[0] if works else "no"


def _reasons(cells: Cells) -> list[str]:
    """Return a line for each reason, with the families that it is given for."""
    given: dict[str, list[str]] = defaultdict(list)
    for (family, _, _), cell in cells.items():
        if cell.verdict != "works":
            words = [w for w in cell.reason.split(" ") if "/" not in w or w.startswith("--")]
            line = " ".join(words).replace(f" {family}", " FAMILY").replace("`", "")
            given[line] += [family] * (family not in given[line])
    return [f"- `{line}`: {', '.join(families)}" for line, families in sorted(given.items())]
