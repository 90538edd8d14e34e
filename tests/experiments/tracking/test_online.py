"""Runs on a W&B server: what arrives there, also when it was resumed, killed or not answered."""

import math
import warnings

import pytest
import wandb

from experiments.tracking import shutdown
from experiments.tracking.keys import STEP
from experiments.tracking.logger import RunLogger
from tests.experiments import running
from tests.experiments.runner.test_interruption import signal_at
from tests.experiments.running import result

# In the client's own words, what a server need not have for it to work.
OPTIONAL = {"Root.organization", "Entity.xxhashDigestsEnabled"}


def rows(history: list[dict]) -> list[tuple[int, dict]]:
    """What was logged at each step, one entry for each row, without the clock's values."""
    clock = {"_timestamp", "_runtime", "tokens_per_second", "mfu"}
    kept = [{k: v for k, v in row.items() if k not in clock} for row in history]
    return [(row[STEP], row) for row in kept if STEP in row]


def test_online_run(experiment, server):
    ended = experiment("--tracking.tags+=mine", "--tracking.group", "ours", tracked=True)
    assert ended.code == 0, ended
    found, ((name, run),) = result(ended.run), server.runs.items()
    assert f"track  W&B online at {server.url} (key from WANDB_API_KEY)" in ended.out
    assert found["wandb"] == f"{server.url}/{server.entity}/pretune/runs/{name}"
    assert name == ended.run.name and run.state == "finished"
    assert {"mine", "data:files"} <= set(run.facts["tags"]) and run.facts["groupName"] == "ours"
    own = {key: run.config[key] for key in found["config"]}
    assert own == found["config"] and run.config["parameters"] == found["parameters"]
    assert run.summary["test/accuracy"] == found["metrics"]["test/accuracy"]
    here = running.recorded(ended.run)
    steps = [step for step, row in rows(run.history) if "train/loss" in row]
    assert steps == list(range(len(steps))) and len(steps) >= 4
    assert [row["train/loss"] for row in here.history if "train/loss" in row] == [
        row["train/loss"] for row in run.history if "train/loss" in row
    ]
    table = next(a for a in server.artifacts if a.type == "run_table")
    assert table.committed and list(table.contents) == ["test/predictions.table.json"]
    assert any(name.startswith("media/table/test/") for name in run.files)
    assert server.unknown <= OPTIONAL


@pytest.mark.slow
def test_what_the_public_api_sees(experiment, server):
    ended = experiment(tracked=True)
    ((name, run),) = server.runs.items()
    api = wandb.Api()
    seen = api.run(f"{server.entity}/pretune/{name}")
    assert (seen.state, seen.config["model"]["rank"]) == ("finished", 5)
    assert dict(seen.summary)["test/accuracy"] == run.summary["test/accuracy"]
    assert list(seen.scan_history()) == run.history
    assert len(seen.history(pandas=False)) == len(run.history)
    (table,) = [a for a in seen.logged_artifacts() if a.type == "run_table"]
    assert table.state == "COMMITTED" and table.logged_by().id == name
    assert (table.get_entry("test/predictions.table.json")).size > 0
    assert [r.id for r in api.runs("pretune", {"config.model.rank": 5})] == [name]
    assert len(api.runs("pretune", {"config.model.rank": 4})) == 0
    assert ended.code == 0


@pytest.mark.slow
def test_resumed_online(experiment, server):
    stopped = experiment(*signal_at("train_batch_end:3"), "--checkpoint_seconds", 0, tracked=True)
    assert stopped.code == 130
    ((name, run),) = server.runs.items()
    assert run.state == "failed" and run.summary["state"] == "interrupted"
    assert experiment("--resume", "last", bare=True).code == 0
    assert list(server.runs) == [name] and run.state == "finished"
    assert "interrupted" not in run.facts["tags"]
    steps = {step for step, row in rows(run.history) if "train/loss" in row}
    assert steps == set(range(max(steps) + 1))
    order = [row["_step"] for row in run.history]
    assert order == sorted(set(order))  # one curve


@pytest.mark.slow
@pytest.mark.parametrize(
    "kind", [500, *(pytest.param(kind, marks=pytest.mark.slow) for kind in (429, "hang"))]
)
@pytest.mark.parametrize("returns", [True, False], ids=["returns", "is gone"])
def test_server_that_fails_in_mid_run(experiment, server, sync, monkeypatch, kind, returns):
    """The run goes on to its end; what the server did not take is on disk, and can be uploaded."""
    log, calls = RunLogger.log_metrics, []

    def then_fail(run, metrics, step=None):
        log(run, metrics, step)
        calls.append(step)
        if len(calls) == 3:
            server.misbehave(kind, times=4 if returns else None)

    monkeypatch.setattr(RunLogger, "log_metrics", then_fail)
    monkeypatch.setenv("WANDB__FILE_STREAM_TIMEOUT_SECONDS", "1")
    monkeypatch.setenv("WANDB__GRAPHQL_TIMEOUT_SECONDS", "1")
    if not returns:
        monkeypatch.setenv("WANDB_FINISH_TIMEOUT", "1")
        monkeypatch.setattr(shutdown, "GRACE_SECONDS", 2.0)
    with warnings.catch_warnings(record=True) as warned:
        ended = experiment(tracked=True)
    # In our words if W&B has not given up by then, else in its own.
    said = [str(warning.message) for warning in warned] + [ended.err]
    lost = ("to upload the rest: ", "Some run data will not be synced")
    assert any(part in text for part in lost for text in said) != returns
    assert ended.code == 0, ended.err
    assert result(ended.run)["metrics"]["test/accuracy"] >= 0
    assert server.refused > 0
    ((_, run),) = server.runs.items()
    here = running.recorded(ended.run)
    if not returns:
        assert run.state == "running" and len(run.history) < len(here.history)
        server.behave()
        uploaded = sync()
        assert uploaded.code == 0, uploaded.out + uploaded.err
    assert run.state == "finished" and math.isfinite(run.summary["test/accuracy"])
    whole = [row["train/loss"] for row in here.history if "train/loss" in row]
    assert [row["train/loss"] for row in run.history if "train/loss" in row] == whole
    assert all(artifact.committed for artifact in server.artifacts)
