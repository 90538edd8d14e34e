"""A run whose test rows wait: no test figure before one asks, and all of them afterwards."""

from experiments.reporting.predicted import table
from experiments.reporting.results import main_metric
from experiments.reporting.run_table import usual_metrics
from experiments.tracking.run_reader import RunRecord
from modules import ZeroShot
from tests.experiments.running import finished, recorded, result

HELD = ("--hold_out_test", "true")


def everything(run) -> str:
    """All that a run has written as text."""
    texts = [file.read_text() for file in run.rglob("*.json")]
    return "\n".join([*texts, (run / "export" / "README.md").read_text()])


def test_a_held_out_test_is_made_when_it_is_asked_for(experiment):
    whole = finished(experiment("--output", "whole"))
    wanted = result(next(whole.outputs.parent.glob("whole/*/*")))
    ended = finished(experiment(*HELD, tracked=True))
    run, before = ended.run, result(ended.run)
    assert before["held_out"] and set(before["report"]) == {"validation"}
    assert "test/" not in everything(run) + ended.out
    assert set(table.read(run / table.FILE)) == {"validation"}
    assert "held out" in ended.out and "not tested" in (run / "export" / "README.md").read_text()
    assert before["metrics"] == {
        name: value for name, value in wanted["metrics"].items() if name.startswith("val/")
    }
    refused = experiment("--resume", run.name, bare=True)
    assert refused.code == 2 and "; --hold_out_test false tests it" in refused.err
    (command,) = [line for line in ended.out.splitlines() if line.startswith("test   ")]
    tested = finished(experiment(*command.partition(".py ")[2].split(), bare=True))
    after = result(run)
    assert after["metrics"] == wanted["metrics"] and not after["held_out"]
    assert after["report"] == wanted["report"] and after["ended"] == before["ended"]
    for name in ("seconds", "training_seconds", "tokens", "best", "warnings", "parameters"):
        assert after[name] == before[name]
    metrics = recorded(run).summary
    assert metrics["seconds"] == before["seconds"] and "test/accuracy" in metrics
    assert "test/accuracy" in tested.out and "is measured" not in tested.err
    assert "It was tested on rows" in (run / "export" / "README.md").read_text()
    again = experiment("--resume", run.name, "--hold_out_test", "false", bare=True)
    assert again.code == 2 and "that run is finished" in again.err


def test_a_run_that_stopped_early_is_not_trained_again(experiment):
    early = "--trainer.callbacks+=EarlyStopping --trainer.callbacks.monitor=val/loss"
    more = "--trainer.callbacks.patience=1 --trainer.callbacks.min_delta=9 --trainer.max_epochs 5"
    ended = finished(experiment(*HELD, *f"{early} {more}".split()))
    weights = (ended.run / "checkpoints" / "last.ckpt").read_bytes()
    finished(experiment("--resume", "last", "--hold_out_test", "false", bare=True))
    assert result(ended.run)["ended"].startswith("early in epoch 2")
    assert (ended.run / "checkpoints" / "last.ckpt").read_bytes() == weights
    assert "test/accuracy" in result(ended.run)["metrics"]


def test_the_test_of_a_module_that_does_not_train_waits_too(experiment, llama):
    words = ["--model.backbone", llama, "--model.task.template", "{{ text }} It was"]
    words += ["--model.task.verbalizer", '{"negative": "bad", "positive": "good"}']
    words += ["--output", "outputs/deep"]
    ended = finished(experiment(*words, *HELD, model=ZeroShot))
    (run,) = ended.outputs.glob("deep/*/*")
    known = result(run)["metrics"]
    assert known and all(name.startswith("val/") for name in known)
    (command,) = [line for line in ended.out.splitlines() if line.startswith("test   ")]
    later = command.partition(".py ")[2].split()
    assert later[:2] == ["--resume", f"outputs/deep/lora_sst2/{run.name}"]
    finished(experiment(*later, bare=True, model=ZeroShot))
    assert result(run)["metrics"]["test/accuracy"] >= 0


def test_a_callback_that_asks_test_records_is_refused(experiment):
    ended = experiment(*HELD, "--trainer.callbacks+=GenerationSamples")
    assert ended.code == 2 and "GenerationSamples asks test records before" in ended.err


def test_runs_of_which_some_hold_their_test_out_are_ranked_by_validation():
    tested = RunRecord("a", metrics={"val/accuracy": 0.7, "test/accuracy": 0.9})
    held = RunRecord("b", metrics={"val/accuracy": 0.8})
    assert usual_metrics([tested, tested]) == ["test/accuracy", "val/accuracy"]
    assert usual_metrics([tested, held]) == ["val/accuracy", "test/accuracy"]
    assert usual_metrics([held]) == ["val/accuracy"]
    assert main_metric({"metrics": held.metrics}) == ("val/accuracy", 0.8)
