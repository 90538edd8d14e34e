"""The workspace and the report of a project, as far as what is sent goes."""

import json
import sys
from argparse import Namespace

import pytest

from datamodules import optional
from experiments.tools import workspace
from tests.wandb_server import records

ASKED = Namespace(metric="test/accuracy", by="model.class", name="Runs compared")


@pytest.fixture
def library():
    return pytest.importorskip("wandb_workspaces")


def test_workspace_has_the_panels_that_matter(library):
    made = workspace.workspace("me", "mine", ASKED)
    text = json.dumps(made._to_model().model_dump(by_alias=True, mode="json"))
    for part in ("val/accuracy", "val/loss", "trainer/global_step", "parameters", "seconds"):
        assert part in text, part
    for kind in ("Run History Line Plot", "Scatter Plot", "Parameter Importance", "Bar Chart"):
        assert kind in text, kind
    assert [section.name for section in made.sections] == [
        "Validation and test", "Quality and cost", "What matters",
    ]  # fmt: skip
    titles = [panel.title for panel in made.sections[0].panels]
    assert titles == ["val/accuracy", "test/accuracy", "val/loss", "train/loss"]
    assert made.runset_settings.order[0].ascending is False
    lower = workspace.workspace("me", "mine", Namespace(**{**vars(ASKED), "metric": "val/loss"}))
    assert lower.runset_settings.order[0].ascending is True


def test_report_has_the_same_panels_under_words(library, server):
    made = workspace.report("me", "mine", ASKED)
    text = json.dumps(made._to_model().model_dump(by_alias=True, mode="json"))
    for part in ("val/accuracy", "Parameter Importance", "Scatter Plot", "the best checkpoint"):
        assert part in text, part


def test_both_are_saved(library, server, monkeypatch, capsys):
    server.runs["one"] = records.Run("one", server.entity, "pretune")
    monkeypatch.setattr(sys, "argv", ["workspace.py", f"{server.entity}/pretune", "--name", "Mine"])
    workspace.main()
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith(f"done   workspace {server.url}/{server.entity}/pretune")
    assert lines[1].startswith(f"done   report {server.url}/{server.entity}/pretune/reports/Mine")
    assert [view["displayName"] for view in server.views] == ["Mine", "Mine"]
    assert all("test/accuracy" in view["spec"] for view in server.views)


@pytest.mark.parametrize(
    ("words", "line"),
    [
        ("mine", "mine: give entity/project, as in the address of a run"),
        ("a/b/c", "a/b/c: give entity/project, as in the address of a run"),
        ("", "the following arguments are required: ENTITY/PROJECT"),
        ("me/mine", "wandb-workspaces, which saves workspaces, is missing: pip install -e '.["),
    ],
)
def test_a_mistake_is_one_line(words, line, monkeypatch, capsys):
    monkeypatch.setattr(optional.importlib.util, "find_spec", lambda name: None)
    monkeypatch.setattr(sys, "argv", ["workspace.py", *words.split()])
    with pytest.raises(SystemExit) as stop:
        workspace.main()
    said = capsys.readouterr().err
    assert stop.value.code == 2 and said.startswith(f"workspace.py: error: {line}"), said
    assert said.count("\n") == 1
