"""Tables, sentences and help on the screen: never wider than the terminal, whatever they hold."""

import argparse

import pytest

from datamodules.text_tables import cut, fitted, width, wrapped
from experiments.common.arguments import FlagParser
from experiments.common.help_text import refilled
from experiments.reporting import screen, tables

LONG = "一个非常长的中文类别名称用来测试表格的宽度" * 2
CASES = {
    "short": [["name", "value"], ["a", "1"]],
    "wide": [["model.learning_rate", *[f"test/figure_{n}" for n in range(9)]],
             *[[f"model=LoRA, rank={n}", *["0.8123 ± 0.0123"] * 9] for n in range(3)]],
    "chinese": [["class", "precision", "run"], [LONG, "0.5", "a" * 30], ["好", "1.0", "b" * 50]],
    "long": [["name", "path"], ["x" * 300, "y" * 300], ["z", "w"]],
    "marks": [["a\tb", "c\nd"], ["é e\u0301 👍🏽 \u200b", "|"], ["\x1b[31mred", "ｆｕｌｌ"]],
    "empty": [["a", "b"]],
}  # fmt: skip


@pytest.mark.parametrize("columns", [40, 80, 120])
@pytest.mark.parametrize("name", CASES)
def test_no_table_is_wider_than_the_screen(name, columns):
    cells = CASES[name]
    text = screen.table(cells, most=columns)
    assert max(map(width, text.splitlines())) <= columns, text
    assert "\t" not in text and "\x1b" not in text
    if name == "wide":  # divided, but nothing is lost
        assert all(text.count(f"figure_{n}") == 1 for n in range(9))
        assert text.count("0.8123 ± 0.0123") == 27


def test_columns_of_wide_characters_stand_under_each_other():
    lines = screen.table([["class", "rows"], ["好评", "10"], ["bad", "5"]], most=80).splitlines()
    assert lines == ["class  rows", "好评     10", "bad       5"]


def test_a_long_name_loses_its_middle_and_stays_apart_from_others():
    assert cut("experiments/lora_sst2.py", 11) == "exper…t2.py" and cut("short", 5) == "short"
    assert width(cut(LONG, 21)) <= 21 and "…" in cut(LONG, 21)
    names = [f"{'a' * 40}{n}{'b' * 40}" for n in range(3)]
    text = screen.table([["name", "x" * 30], *([name, "y" * 30] for name in names)], most=60)
    assert len({line.split()[0] for line in text.splitlines()[-3:]}) == 3, text
    assert fitted("two  spaces\nand lines", 30) == "two spaces and lines"


@pytest.mark.parametrize("text", ["word " * 60, LONG * 4, f"note: {'数据 ' * 50}"])
def test_sentences_are_wrapped_by_columns(text):
    lines = screen.text_lines(text.strip(), 80)
    assert max(map(width, lines)) <= 80 and len(lines) > 1
    assert "".join("".join(lines).split()) == "".join(text.split())
    assert not text.startswith("note") or all(line.startswith("      ") for line in lines[1:])
    command = f"again: python {'x' * 200} y"
    assert screen.text_lines(command, 80) == [command]  # it is copied
    assert wrapped("", 10) == []


def test_a_report_keeps_its_cells_on_the_screen(monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    document = f"title\n\n{tables.aligned([['a|b', 'c'], ['d|e', '1']])}\n\nnote: the end\n"
    assert r"d\|e" in document
    assert screen.shown(document) == "title\n\na|b  c\nd|e  1\n\nnote: the end"


DOC = """What is it?

    python experiments/tools/compare.py model=LoRA,Adapter 'model.rank>4' --by model   # a comment
    python a.py --flag value \\
        --other value

A sentence that is much too long for a terminal of sixty columns, so that it has to be wrapped.
"""


def test_help_fits_and_its_commands_can_be_copied(monkeypatch, capsys):
    assert refilled(DOC, 100) == DOC.strip().splitlines()
    lines = refilled(DOC, 60)
    assert max(map(len, lines)) <= 60 and "    # a comment" in lines
    joined = " ".join("\n".join(lines).replace("\\\n", "").split())
    assert "compare.py model=LoRA,Adapter 'model.rank>4' --by model" in joined
    assert "python a.py --flag value --other value" in joined
    for columns in (60, 80, 120):
        monkeypatch.setenv("COLUMNS", str(columns))
        parser = FlagParser(DOC, "FILE [--some NAME …] [--more NUMBER] [-- FLAGS]", "tool.py")
        parser.add_argument("--some", help="A text " * 20, default=argparse.SUPPRESS)
        with pytest.raises(SystemExit):
            parser.parse_args(["--help"])
        text = capsys.readouterr().out
        assert max(map(len, text.splitlines())) <= columns and "[-- FLAGS]" in text


def test_a_pipe_has_the_columns_that_its_reader_asks_for(monkeypatch):
    monkeypatch.setattr("sys.stdout.isatty", lambda: False)
    monkeypatch.delenv("COLUMNS", raising=False)
    assert (screen.columns(), screen.columns(9999)) == (80, 9999)
    monkeypatch.setenv("COLUMNS", "60")
    assert (screen.columns(), screen.columns(9999)) == (60, 60)


@pytest.mark.parametrize(
    ("settings", "expected"),
    [({}, True), ({"NO_COLOR": "1"}, False), ({"TERM": "dumb"}, False), ({"NO_COLOR": ""}, True)],
)
def test_colours_are_for_terminals_that_have_them(settings, expected, monkeypatch):
    from experiments.runner import summary

    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    assert summary.colours() is expected
    monkeypatch.setattr("sys.stdout.isatty", lambda: False)
    assert summary.colours() is False
