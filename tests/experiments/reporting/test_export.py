"""Tables for a paper: LaTeX that compiles, Markdown and CSV, each by the ending of its file."""

import csv
import re

import pytest

from experiments.reporting import export, tables

CELLS = [
    ["name", "test/accuracy", "p"],
    [r"50% & more_of {it} #1 $x$ ~ ^ \ | <a>", "0.81 ± 0.02", "< 0.0001"],
    ["好评 …", "0.90", "–"],
]
DOCUMENT = f"title_1: 50 %\n\n{tables.aligned(CELLS)}\n\nnote: the end\n"


def test_latex_has_rules_and_no_character_that_is_a_command():
    text = export.latex(DOCUMENT)
    assert [text.count(rf"\{rule}rule") for rule in ("top", "mid", "bottom")] == [1, 1, 1]
    assert r"\begin{tabular}{lrr}" in text and "\\end{tabular}" in text
    lines = [line for line in text.splitlines() if line.endswith(r"\\")]
    assert [len(re.findall(r"(?<!\\)&", line)) for line in lines] == [2, 2, 2]
    assert r"50\% \& more\_of \{it\} \#1 \$x\$ \textasciitilde{}" in text
    assert r"\textbackslash{} \textbar{} \textless{}a\textgreater{}" in text
    assert r"0.81 $\pm$ 0.02" in text and r"\ldots{}" in text and "ctex" in text
    body = text.partition(r"\begin")[2].partition(r"\end")[0]
    assert not re.search(r"[±–…<>|]", body)
    outside = text.replace(body, "")
    assert all(line.startswith(("%", "\\")) for line in outside.splitlines() if line)


def test_the_ending_chooses_the_format(tmp_path):
    names = [str(tmp_path / "new" / f"a{ending}") for ending in (".tex", ".md", ".csv", ".TEX")]
    made = export.write(names, lambda: DOCUMENT, lambda: tables.csv_of([{"a": 1, "b": "x,y"}]))
    assert made == names
    contents = [open(name, encoding="utf-8").read() for name in names]
    assert contents[1] == DOCUMENT and contents[0] == contents[3] == export.latex(DOCUMENT)
    assert list(csv.DictReader(contents[2].splitlines())) == [{"a": "1", "b": "x,y"}]


@pytest.mark.parametrize("name", ["a.doc", "table", "a.tex.gz", "."])
def test_another_ending_is_refused(name):
    with pytest.raises(ValueError, match=r"^--export .*: .*\.tex, \.md or \.csv$"):
        export.check([name], "--export", export.TABLES)
