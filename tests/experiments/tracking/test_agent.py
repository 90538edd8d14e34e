"""A sweep with the real `wandb sweep` and `wandb agent`, which start our command line."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.experiments import forking, running
from tests.experiments.running import ROOT, result


@pytest.mark.slow
def test_sweep_with_the_agent(folder, bert, session_cache, server):
    line = ["${env}", "${interpreter}", "${program}", *running.flags(bert, tracked=True), "${args}"]
    asked = {
        "program": str(ROOT / "experiments" / "lora_sst2.py"),
        "method": "grid",
        "metric": {"name": "val/accuracy", "goal": "maximize"},
        "parameters": {"model.rank": {"values": [2, 3]}, "trainer.max_epochs": {"value": 1}},
        "command": line,
    }
    Path("sweep.yaml").write_text(yaml.safe_dump(asked))
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    places = {"PATH": path, "WANDB_DIR": str(folder / "agent"), "WANDB_PROJECT": "swept"}
    (folder / "agent").mkdir()

    def wandb(*words: str) -> str:
        variables = running.environment(session_cache, server) | places
        command = [sys.executable, "-m", "wandb", *words]
        ended = forking.run(command, env=variables, stderr=subprocess.STDOUT, text=True)
        assert ended.returncode == 0, ended.stdout
        return ended.stdout

    wandb("sweep", "sweep.yaml")
    ((name, sweep),) = server.sweeps.items()
    said = wandb("agent", f"{server.entity}/swept/{name}")
    assert sweep.state == "FINISHED" and len(sweep.runs) == 2, said
    # The agent and the server know a run by the id that they gave it.
    assert list(server.runs) == sweep.runs, said
    for run, rank in zip(sweep.runs, (2, 3), strict=True):
        there, here = server.runs[run], result(folder / "outputs" / "lora_sst2" / run)
        assert (there.state, there.project, there.facts["sweep"]) == ("finished", "swept", name)
        assert there.config["model"]["rank"] == here["config"]["model"]["rank"] == rank
        assert there.config["model.rank"] == rank  # as the sweep's own panels name it
        assert set(there.summary["val/accuracy"]) == {"max"}
