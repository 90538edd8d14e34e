"""The corpus pipeline on Ray and on Slurm."""

import os
import shutil
import stat
import sys
from pathlib import Path

import pytest

from tests.experiments import forking
from tests.experiments.corpora import manifest, run, start
from tests.experiments.running import environment

ON_RAY = ("screen", "signatures", "format", "manifest")


@pytest.mark.slow
def test_ray_gives_the_same_fingerprint(source, tmp_path, session_cache, monkeypatch):
    """Ray begins a process for each task; the 14 of the buckets are left as they were made."""
    words = ("--source", source, "--tasks", 2, "--output")
    with monkeypatch.context() as patch:
        patch.setattr("datamodules.pipeline.formatting.shutil.rmtree", lambda *_, **__: None)
        assert run(patch, *words, tmp_path / "out") == 0  # and leaves what it worked with
    made, work = manifest(tmp_path / "out"), tmp_path / "out" / "work"
    (tmp_path / "out" / "manifest.json").unlink()
    made_by_ray = ("kept", "minhash/signatures", "../documents")
    for name in (*made_by_ray, *(f"logs/{stage}" for stage in ON_RAY)):
        shutil.rmtree(work / name)
    process = start(tmp_path, session_cache, *words, "out", "--executor", "ray", "--workers", "2")
    _, error = process.communicate()
    assert process.returncode == 0, error
    assert manifest(tmp_path / "out")["fingerprint"] == made["fingerprint"]
    assert len(list((tmp_path / "out" / "documents").iterdir())) == 2


@pytest.mark.slow
def test_slurm_gets_a_chain_of_jobs_that_run(source, tmp_path, session_cache):
    bin_ = tmp_path / "bin"
    bin_.mkdir()
    sbatch = bin_ / "sbatch"
    sbatch.write_text(
        '#!/bin/sh\nn=$(ls "$JOBS" | wc -l)\nfor last; do :; done\n'
        '{ echo "# $*"; cat "$last"; } > "$JOBS/$n.sh"\necho "Submitted batch job $((n + 100))"\n'
    )
    scontrol = bin_ / "scontrol"
    scontrol.write_text("#!/bin/sh\necho node1\n")
    for program in (sbatch, scontrol):
        program.chmod(program.stat().st_mode | stat.S_IEXEC)
    jobs = tmp_path / "jobs"
    jobs.mkdir()
    variables = {"PATH": f"{bin_}:{os.environ['PATH']}", "JOBS": str(jobs)}
    words = ("--source", source, "--output", "out", "--tasks", 2)
    words += ("--executor", "slurm", "--partition", "cpu", "--time_limit", "01:00:00")
    process = start(tmp_path, session_cache, *words, variables=variables)
    out, error = process.communicate()
    assert process.returncode == 0, error
    assert "9 Slurm jobs" in out and not (tmp_path / "out" / "manifest.json").exists()
    scripts = [file.read_text() for file in sorted(jobs.iterdir(), key=lambda f: int(f.stem))]
    stages = [text for text in scripts if "launch_pickled_pipeline" in text]
    assert len(stages) == 9
    for number, text in enumerate(stages):
        assert "#SBATCH --partition=cpu" in text and "#SBATCH --time=01:00:00" in text
        assert ("--dependency=afterok:" in text.splitlines()[0]) == (number > 0)
    assert "#SBATCH --array=0-1" in stages[0] and "#SBATCH --array=0-13" in stages[3]
    # A node runs a task from what was saved for it.
    pickled = tmp_path / "out" / "work" / "logs" / "screen" / "executor.pik"
    for task in range(2):
        job = {"SLURM_ARRAY_TASK_ID": str(task), "SLURM_NODELIST": "node1"}
        program = Path(sys.executable).with_name("launch_pickled_pipeline")
        done = forking.run(
            [sys.executable, program, pickled],
            env=environment(session_cache) | variables | job,
            cwd=tmp_path,
            text=True,
        )
        assert done.returncode == 0, done.stderr
    assert len(list((tmp_path / "out" / "work" / "kept").glob("*.parquet"))) == 2
