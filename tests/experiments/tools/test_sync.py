"""sync.py: runs on disk arrive whole, once, in order, or it says what did not."""

import os
import shutil
import signal
import time
from pathlib import Path

import pytest
import wandb

from experiments.tracking.keys import STEP
from experiments.tracking.logger import Tracking, finish, start_logger
from tests.experiments import running
from tests.experiments.runner.test_interruption import signal_at
from tests.experiments.running import ROOT
from tests.experiments.signalling import Beat
from tests.experiments.tracking.test_online import rows

BEAT = f"--trainer.callbacks+={Beat.__module__}.Beat"


def record(name: str, steps: int = 3, begin: int = 0, made: str = "", used: str = "") -> Path:
    """A run of a few steps, offline; ``made`` and ``used`` are files that it declares."""
    folder, resume = Path("outputs/some") / name, begin > 0
    logger = start_logger(Tracking(mode="offline"), folder, name, {"seed": 1}, [], resume)
    for step in range(begin, begin + steps):
        logger.log_metrics({"train/loss": 100.0 - step}, step)
    for file, is_input in ((made, False), (used, True)):
        if file:
            artifact = wandb.Artifact(Path(file).stem, "model")
            artifact.add_file(file)
            if is_input:  # there is no public way to do it offline
                logger.experiment._log_artifact(artifact, use_after_commit=True)
            else:
                logger.experiment.log_artifact(artifact)
    finish(logger, "finished", {"test/accuracy": 0.5})
    return folder


def writes(server) -> int:
    return sum(r.path.endswith("/file_stream") or r.method == "PUT" for r in server.received)


@pytest.mark.slow
def test_lineage_of_runs_in_their_order_and_once(server, sync):
    Path("corpus.txt").write_text("a text")
    Path("weights.bin").write_bytes(b"weights")
    maker = record("z-maker", made="corpus.txt")
    time.sleep(1.1)  # the names of W&B's folders have seconds
    record("a-trainer", used="corpus.txt", made="weights.bin")
    done = sync()
    assert done.code == 0, done
    lines = done.out.splitlines()
    assert lines[0] == f"host   {server.url}, as {server.entity} (key from WANDB_API_KEY)"
    url = f"{server.url}/{server.entity}/pretune"
    assert lines[1] == f"1/2  {maker}: uploaded, 3 rows, 1 artifacts  {url}/runs/z-maker"
    assert lines[2].startswith("2/2  outputs/some/a-trainer: uploaded, 3 rows, 1 artifacts")
    assert lines[3] == "done   outputs (2 uploaded)" and done.err == ""
    assert server.edges == {
        ("z-maker", "made", "corpus:v0"),
        ("a-trainer", "used", "corpus:v0"),
        ("a-trainer", "made", "weights:v0"),
    }
    api = wandb.Api()
    corpus = api.artifact(f"{server.entity}/pretune/corpus:latest")
    assert corpus.logged_by().id == "z-maker"
    assert [run.id for run in corpus.used_by()] == ["a-trainer"]
    (used,) = api.run(f"{server.entity}/pretune/a-trainer").used_artifacts()
    assert used.digest == corpus.digest
    for name in ("z-maker", "a-trainer"):
        run = server.runs[name]
        assert [(r[STEP], r["train/loss"]) for r in run.history] == [(0, 100), (1, 99), (2, 98)]
        assert (run.config, run.state) == ({"seed": 1}, "finished")
        assert (run.summary["test/accuracy"], run.summary["state"]) == (0.5, "finished")
    before = writes(server)
    again = sync()
    assert (again.code, writes(server)) == (0, before)
    assert again.out.splitlines()[-1] == "done   outputs (2 uploaded before)"
    # Whoever has synced by hand, or lost the marks: the server is asked, and has it all.
    for mark in Path("outputs").rglob("uploaded.json"):
        mark.unlink()
    assert sync().out.splitlines()[-1] == "done   outputs (2 uploaded before)"
    assert writes(server) == before
    assert not Path("wandb").exists()


@pytest.mark.slow
def test_resumed_after_a_sync(server, sync):
    record("one")
    assert sync().code == 0
    time.sleep(1.1)
    record("one", begin=3, steps=2)
    done = sync("outputs/some/one")
    assert done.code == 0 and "uploaded, 5 rows" in done.out, done
    (run,) = server.runs.values()
    assert [(row[STEP], row["train/loss"]) for row in run.history] == [
        (step, 100 - step) for step in range(5)
    ]
    order = [row["_step"] for row in run.history]
    assert order == sorted(set(order))


@pytest.mark.slow
def test_both_parts_at_once(server, sync):
    record("one")
    time.sleep(1.1)
    record("one", begin=3, steps=2)
    assert sync().code == 0
    (run,) = server.runs.values()
    assert [row[STEP] for row in run.history] == list(range(5))
    order = [row["_step"] for row in run.history]
    assert order == sorted(set(order))


@pytest.mark.slow
def test_what_cannot_be_uploaded_does_not_stop_the_rest(server, sync):
    Path("weights.bin").write_bytes(b"weights")
    broken = record("broken", made="weights.bin")
    time.sleep(1.1)
    record("whole")
    shutil.rmtree(broken / "wandb" / "staging")
    done = sync()
    first, second, last, again = done.out.splitlines()[1:]
    assert first.startswith("1/2  outputs/some/broken: failed: outputs/some/broken/wandb/staging/")
    assert "should be uploaded and is gone; without it: " in first
    assert second.startswith("2/2  outputs/some/whole: uploaded, 3 rows")
    assert last == "done   outputs (1 failed, 1 uploaded)"
    assert again.startswith("       repeat, without uploaded runs, with: ")
    assert done.code == 1 and list(server.runs) == ["whole"]


@pytest.mark.slow
@pytest.mark.parametrize("where", ["/storage/", "/file_stream"])
def test_an_upload_that_failed_is_not_called_done(server, sync, where):
    """`wandb sync` exits with 0 and marks the run as synced."""
    Path("weights.bin").write_bytes(b"weights")
    record("one", made="weights.bin")
    server.misbehave(403, where=where)
    done = sync()
    assert done.code == 1 and "1/1  outputs/some/one: failed: " in done.out, done
    assert not list(Path("outputs").rglob("uploaded.json"))
    server.behave()
    done = sync()
    assert done.code == 0 and done.out.endswith("done   outputs (1 uploaded)\n"), done
    (run,) = server.runs.values()
    assert [row[STEP] for row in run.history] == [0, 1, 2]
    assert server.edges == {("one", "made", "weights:v0")}


def test_bad_input(server, sync, monkeypatch):
    def said(*words):
        ended = sync(*words)
        assert ended.code == 2 and ended.out == "" and ended.err.count("\n") == 1, ended
        return ended.err

    none = "there: no such run in outputs; the latest there: none"
    assert said("there") == f"sync.py: error: {none}\n"
    Path("outputs").mkdir()
    assert said() == "sync.py: error: no run in outputs\n"
    record("one")
    server.misbehave(500)
    monkeypatch.setenv("WANDB__GRAPHQL_RETRY_MAX", "1")
    assert said().startswith(f"sync.py: error: W&B at {server.url} does not answer: ")
    server.behave()
    monkeypatch.delenv("WANDB_API_KEY")
    line = f"sync.py: error: no key for {server.url}: run `wandb login` or set WANDB_API_KEY\n"
    assert said() == line


def test_run_that_is_still_going_on(server, sync):
    from experiments.common import files

    folder = record("one")
    lock = files.lock(folder)
    assert sync().out.endswith(
        "outputs/some/one: still going on\ndone   outputs (1 still going on)\n"
    )
    files.unlock(lock)
    assert server.runs == {} and sync().out.endswith("done   outputs (1 uploaded)\n")


@pytest.mark.slow
@pytest.mark.parametrize("online", [False, True], ids=["offline", "online"])
def test_kill_9_in_training(folder, bert, session_cache, server, sync, online):
    """Every step that is older than two seconds is on disk, and arrives."""
    words = running.flags(bert, BEAT, "--trainer.max_epochs", 5000, tracked=True)
    user = server if online else None
    process = running.start(words, folder, session_cache, server=user)
    beat, deadline = Path("beat"), time.monotonic() + 120
    while not beat.exists() or len(times := steps_of(beat)) < 2 or times[-1][0] - times[0][0] < 4:
        assert process.poll() is None and time.monotonic() < deadline, process.communicate()
        time.sleep(0.1)
    os.killpg(process.pid, signal.SIGKILL)  # wandb-core is one of the group
    killed = time.time()
    process.communicate()
    wanted = {step for at, step in steps_of(beat) if at < killed - 2}
    assert len(wanted) > 20
    run = running.only_run(folder)
    here = running.recorded(run)
    assert wanted <= {row[STEP] for row in here.history if "train/loss" in row}
    assert here.state not in ("finished", "interrupted")
    assert sync().code == 0
    (there,) = server.runs.values()
    arrived = [(row[STEP], row["train/loss"]) for row in there.history if "train/loss" in row]
    assert arrived == [(r[STEP], r["train/loss"]) for r in here.history if "train/loss" in r]
    assert there.state == "failed"
    before = len(there.history)
    assert sync().out.endswith("done   outputs (1 uploaded before)\n")
    assert len(there.history) == before


def steps_of(beat: Path) -> list[tuple[float, int]]:
    lines = [line.split() for line in beat.read_text().splitlines()[:-1]]
    return [(float(at), int(step)) for at, step in lines]


@pytest.mark.slow
def test_killed_synced_resumed_synced(experiment, folder, bert, session_cache, server, sync):
    words = running.flags(bert, "--checkpoint_seconds", 0, tracked=True)
    words += signal_at("train_batch_end:5", signal.SIGKILL)
    assert running.call(words, folder, session_cache)[0] == -signal.SIGKILL
    first = sync()
    assert first.code == 0, first
    assert running.call(["--resume", "last"], folder, session_cache)[0] == 0
    second = sync()
    assert second.code == 0, second
    (run,) = server.runs.values()
    assert run.state == "finished"
    steps = [step for step, row in rows(run.history) if "train/loss" in row]
    assert set(steps) == set(range(max(steps) + 1))
    order = [row["_step"] for row in run.history]
    assert order == sorted(set(order))


@pytest.mark.slow
def test_ctrl_c(folder, session_cache, server):
    record("one")
    server.misbehave("hang", where="/file_stream")
    process = running.start(["outputs"], folder, session_cache, "tools/sync", server)
    deadline = time.monotonic() + 60
    while not server.refused and time.monotonic() < deadline:
        time.sleep(0.1)
    os.killpg(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130 and "Traceback" not in err, (out, err)
    assert "Continue, without uploaded runs, with: " in err
    assert err.splitlines()[-1] == "sync.py: interrupted"
    assert f"{ROOT / 'experiments' / 'tools' / 'sync.py'} outputs" in err
