"""The files of docs/extending.md, outside the repository, run and tested as a person would."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests import stories, tiny_cache
from tests.pages import ROOT, blocks, commands

QUICK = """--trainer.accelerator cpu --trainer.precision 32-true --trainer.max_epochs 1
    --trainer.limit_train_batches 3 --trainer.log_every_n_steps 1""".split()
FLAGS = {"token_shuffling": "--model.size tiny --data.row_tokens 24 --data.batch_size 4".split()}


@pytest.fixture(scope="module")
def folder(tmp_path_factory, bert, llama) -> Path:
    """A folder of one's own with the files, a corpus and some messages."""
    folder = tmp_path_factory.mktemp("own")
    for block in blocks("docs/extending.md"):
        if block.kind == "file":
            (folder / block.about).write_text(block.text)
    stories.write(folder / "data" / "imdb")
    lines = [f"{('ham', 'spam')[number % 2]}\tmessage number {number}" for number in range(100)]
    (folder / "messages.txt").write_text("\n".join(lines))
    tiny_cache.make(folder / "cache", bert, llama)
    return folder


def run(folder: Path, *words: str) -> subprocess.CompletedProcess:
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("WANDB_", "PRETUNE_"))}
    places = {"PYTHONPATH": str(ROOT), "PRETUNE_CACHE": str(folder / "cache")}
    offline = {"WANDB_MODE": "offline", "HF_HUB_OFFLINE": "1", "CUDA_VISIBLE_DEVICES": ""}
    command = [sys.executable, *words]
    settings = {"cwd": folder, "env": clean | places | offline, "timeout": 240}
    return subprocess.run(command, capture_output=True, text=True, **settings)


def own_commands() -> dict[str, list[str]]:
    """The command of each file, as the page shows it."""
    shown = [b for b in blocks("docs/extending.md") if b.language == "sh" and b.about != "own"]
    found = [words for block in shown for words in commands(block.text)]
    return {Path(w[1]).stem: w[1:] for w in found if w[0] == "python" and w[1] != "-m"}


@pytest.mark.parametrize("name", own_commands())
def test_a_file_of_ones_own_runs_from_the_command_line(name, folder):
    ended = run(folder, *own_commands()[name], *QUICK, *FLAGS.get(name, []))
    assert ended.returncode == 0, ended.stderr
    (run_folder,) = (folder / "outputs" / name).iterdir()
    result = json.loads((run_folder / "result.json").read_text())
    assert any(key.startswith(("test/", "val/")) for key in result["metrics"])
    assert list((run_folder / "export").iterdir()) and list(run_folder.glob("wandb/offline-run-*"))


def test_their_tests_pass(folder):
    ended = run(folder, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist")
    assert ended.returncode == 0, ended.stdout
    assert len(own_commands()) == len(list(folder.glob("test_*.py"))) == 5


def test_a_class_of_ones_own_serves_a_shipped_experiment(folder):
    words = ["--model", "layer_norm_tuning.LayerNormTuning", "--data", "spam_messages.SpamMessages"]
    words += ["--trainer.callbacks+=gradient_peak.GradientPeak", "--output", "shipped"]
    code = f"import sys; sys.path.insert(0, {str(folder)!r}); sys.argv = sys.argv[1:]"
    code += "; import runpy; runpy.run_path(sys.argv[0], run_name='__main__')"
    script = str(ROOT / "experiments" / "lora_sst2.py")
    ended = run(folder, "-c", code, script, *words, *QUICK)
    assert ended.returncode == 0, ended.stderr
    assert "LayerNormTuning" in ended.stdout and "largest gradient norm" in ended.stdout
