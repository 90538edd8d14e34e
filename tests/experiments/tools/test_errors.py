"""errors.py: label noise comes first, the page escapes, a run without predictions is named."""

import csv
import json

import pytest
import torch

from datamodules import text_tables
from experiments.common.files import write_json
from experiments.common.runs import record_start
from experiments.reporting.predicted import calibration, table
from experiments.reporting.predicted.measures import ece, measures
from experiments.tools import errors
from tests.experiments.reporting import predictions

ATTACK = "<script>alert('x')</script> & \"quoted\""


@pytest.fixture
def kept(folder):
    """Make the folder of a finished run with these predictions; returns it."""

    def make(report=None, **splits):
        run = folder / "outputs" / "lora_sst2" / f"run{len(list(folder.glob('outputs/*/*')))}"
        run.mkdir(parents=True)
        record_start(run)
        if splits:
            table.write(run / table.FILE, splits)
            report = {name: measures(one) for name, one in splits.items()}
        write_json(run / "result.json", {} if report is None else {"report": report})
        return run

    return make


@pytest.fixture
def call(piped):
    return lambda *words: piped(errors, *map(str, words))


def noisy(count=400, planted=20):
    """Rows of a model that is mostly right, and the places of those whose label was changed."""
    one, labels, logits = predictions.classes(count, 3)
    logits = logits * 2
    wrong = torch.arange(0, count, count // planted)[:planted]
    labels = labels.clone()
    labels[wrong] = (logits[wrong].argmax(1) + 1) % 3
    texts = [f"text {n} {ATTACK}" for n in range(count)]
    return predictions.of_logits("class", one.names, labels, logits, texts), set(wrong.tolist())


def test_planted_noise_comes_first(kept, call):
    draw = torch.Generator().manual_seed(1)
    truth = torch.randint(3, (400,), generator=draw)
    logits = torch.randn(400, 3, generator=draw)
    logits[torch.arange(400), truth] += 3.5  # as a trained model: right in 97 of 100 rows
    planted = torch.arange(0, 400, 20)
    labels = truth.clone()
    labels[planted] = (truth[planted] + 1) % 3
    run = kept(test=predictions.of_logits("class", ["a", "b", "c"], labels, logits))
    ended = call("last", "--top", 20)
    assert ended.code == 0, ended.err
    rows = list(csv.DictReader((run / "errors" / "mistakes.csv").open()))
    hits = sum(int(row["row"]) - 1 in set(planted.tolist()) for row in rows)
    assert len(rows) == 20 and hits / 20 >= 0.75, hits  # of 400 rows, 20 are planted
    confidences = [float(row["confidence"]) for row in rows]
    assert confidences[0] > 0.9 and ended.out.splitlines()[-1].startswith("done   outputs/")


@pytest.mark.quick_if(lambda case: case["kind"] == "class")
@pytest.mark.parametrize("kind", ["class", "several", "number"])
def test_report_of_each_kind(kind, kept, call, folder):
    one, _ = noisy() if kind == "class" else (getattr(predictions, kind_of(kind))()[0], 0)
    run = kept(validation=one, test=one)
    ended = call(run, "--output", "report", "--split", "validation")
    assert ended.code == 0 and ended.err == "", ended.err
    pictures = {"class": {"confusion.png", "reliability.png"}, "several": {"reliability.png"}}
    made = {path.name for path in (folder / "report").iterdir()}
    tables = {"mistakes.csv", "slices.csv"}
    tables |= {"classes.csv"} if kind != "number" else set()
    tables |= {"confusions.csv"} if kind == "class" else set()
    assert made == {"errors.html"} | pictures.get(kind, {"residuals.png"}) | tables
    for picture in (folder / "report").glob("*.png"):
        assert picture.read_bytes().startswith(b"\x89PNG") and f'alt="{picture.name}"' in page(
            folder
        )
    assert "<script>alert" not in page(folder)
    assert all(text_tables.width(line) <= 80 for line in ended.out.splitlines()[:-1]), ended.out
    again = call(run, "--output", "report", "--split", "validation")
    assert again.code == 0 and {path.name for path in (folder / "report").iterdir()} == made


def kind_of(kind):
    return {"several": "several", "number": "numbers"}[kind]


def page(folder):
    return (folder / "report" / "errors.html").read_text(encoding="utf-8")


def test_temperature_is_the_one_that_the_logits_were_made_too_sharp_by():
    draw = torch.Generator().manual_seed(0)
    logits = torch.randn(4000, 3, generator=draw) * 1.5
    labels = torch.multinomial(logits.softmax(1), 1, generator=draw)[:, 0]
    names = ["a", "b", "c"]
    sharp = predictions.of_logits("class", names, labels, 3 * logits)
    heat = calibration.temperature(sharp)
    assert heat == pytest.approx(3.0, rel=0.1)
    scaled = calibration.scaled(sharp, heat)
    wanted = (3 * logits / heat).softmax(1)
    assert torch.allclose(torch.tensor(scaled.probabilities).float(), wanted, atol=1e-3)
    assert ece(scaled) < 0.03 < 0.1 < ece(sharp)
    alone = predictions.of_logits("several", names, labels[:, None] == torch.arange(3), 9 * logits)
    assert calibration.temperature(alone) > 1


@pytest.mark.parametrize(
    ("report", "said"),
    [
        (None, "has no predictions.parquet: an earlier version made it; run it again"),
        ({}, "has no predictions.parquet: its rows have no labels to be wrong about"),
    ],
)
def test_a_run_without_predictions_is_named_in_one_line(report, said, kept, call):
    run = kept(report)
    ended = call(run)
    assert ended.code == 2 and ended.err.count("\n") == 1 and said in ended.err, ended.err
    assert not (run / "errors").exists()
    ended = call("last")
    assert (
        ended.code == 2
        and f"no run with predictions in outputs; passed over: {run.name} {said}" in (ended.err)
    )


def test_other_mistakes_are_one_line(kept, call, folder):
    one, *_ = predictions.classes(20, 2)
    run = kept(validation=one)
    (run / "busy").write_text("")
    for words, said in (
        (["nothing"], "nothing: no such run in outputs"),
        ([run, "--split", "test"], "--split test: run0 has predictions of validation only"),
        ([run, "--top", "0"], "--top 0: at least 1"),
        ([run, "--output", run / "busy"], "cannot be written"),
    ):
        ended = call(*words)
        assert ended.code == 2 and ended.err.count("\n") == 1 and said in ended.err, ended.err
    (run / table.FILE).write_bytes(b"PAR1")
    ended = call(run)
    assert ended.code == 2 and "cannot be read as predictions" in ended.err


@pytest.mark.slow
def test_ten_thousand_classes(kept, call):
    labels = torch.arange(300) * 30
    guesses = torch.where(torch.arange(300) % 3 == 0, labels + 1, labels)
    logits = torch.zeros(300, 10_000).scatter(1, guesses[:, None], 8.0)
    run = kept(
        test=predictions.of_logits("class", [f"n{i}" for i in range(10_000)], labels, logits)
    )
    ended = call(run)
    assert ended.code == 0 and "the least F1 of 10,000" in ended.out, ended.err
    assert (run / "errors" / "errors.html").stat().st_size < 3_000_000


@pytest.mark.slow
def test_report_joins_the_record_of_the_run(experiment, call):
    ended = experiment(tracked=True)
    before = json.loads((ended.run / "result.json").read_text())
    shown = call(ended.run)
    assert shown.code == 0, shown.err
    from tests.experiments.running import recorded

    record = recorded(ended.run)
    assert {"errors/mistakes", "errors/classes", "errors/confusion"} <= record.logged
    assert record.id == ended.run.name and record.state == "finished"
    assert record.summary["test/accuracy"] == before["metrics"]["test/accuracy"]
    assert record.config["model"]["class"] == "LoRA"
    logs = len(list(ended.run.glob("wandb/*run-*")))
    assert call(ended.run).code == 0 and len(list(ended.run.glob("wandb/*run-*"))) == logs


@pytest.mark.slow
def test_page_in_a_browser(kept, call, browser):
    one, _ = noisy()
    run = kept(validation=one, test=one)
    assert call(run).code == 0
    file = run / "errors" / "errors.html"
    seen = browser.open(file)
    assert ATTACK in seen.text() and seen.count("figure img") == 2
    fetched = [one for one in seen.requests if not one.startswith("data:")]
    assert seen.errors == [] and fetched == [file.as_uri()]
    first = "document.querySelector('table tbody td').innerText"
    before = seen.evaluate(first)
    seen.click("table th button")
    seen.click("table th button")
    assert seen.evaluate(first) != before
    seen.close()
