"""Ten families of different kinds under everything: works, or one line; nothing silently wrong."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.backbones import cells, families, objectives
from tests.backbones.table import page

WELL = ("works", "refused")


@pytest.fixture(scope="module")
def networks(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("families")


def columns(family: str) -> dict[tuple[str, str], Callable[[str, Path], cells.Cell]]:
    """What a family is tried with.

    The second pooling of each strategy is of the page alone: it shares code with LoRA's. So are an
    objective's other beginnings: a family has half of the objectives anew, the rest from weights.
    """
    heads = {key: one for key, one in cells.COLUMNS.items() if "mean" not in key or "LoRA" in key}
    beginnings = list(objectives.BEGINNINGS)
    names = list(dict.fromkeys(name for name, _ in objectives.COLUMNS))
    turn = families.FEW.index(family)
    begun = [(name, beginnings[(turn + place) % 2]) for place, name in enumerate(names)]
    return heads | {key: objectives.COLUMNS[key] for key in begun}


@pytest.mark.slow
@pytest.mark.parametrize("family", families.FEW)
def test_a_family_works_or_is_refused_in_one_line(family, networks, tmp_path, monkeypatch):
    monkeypatch.setenv("PRETUNE_CACHE", str(networks / "cache"))
    folder = families.make(family, networks)
    found = {column: attempt(folder, tmp_path) for column, attempt in columns(family).items()}
    wrong = {column: cell for column, cell in found.items() if cell.verdict not in WELL}
    assert not wrong
    works = [column for column, cell in found.items() if cell.verdict == "works"]
    assert {("FullFineTuning", "native"), ("LoRA", "native"), ("LoRA", "mean")} <= set(works)


def test_a_wrong_cell_is_shown_as_wrong():
    found = {
        ("bert", "LoRA", "native"): cells.Cell("works"),
        ("bert", "LoRA", "mean"): cells.Cell("wrong", "padding moves logits"),
        ("opt", "LoRA", "native"): cells.Cell("refused", "--model LoRA: opt is refused"),
        ("opt", "LoRA", "mean"): cells.Cell("works"),
    }
    shown = page(found, "1a2b3c4")
    assert "| `bert` | wrong |" in shown
    assert "| `opt` | mean |" in shown
    assert "- `--model LoRA: FAMILY is refused`: opt" in shown
    assert "4 cells: 1 refused, 2 works, 1 wrong" in shown
    assert "at commit 1a2b3c4" in shown
