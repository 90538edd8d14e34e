"""The files of docs/extending.md, outside the repository, run and tested as a person would."""

import json
import os
import shlex
import sys
from pathlib import Path

import pytest

from tests import stories, tiny_cache
from tests.experiments import forking
from tests.pages import ROOT, blocks, commands

QUICK = shlex.split(
    "--trainer.accelerator cpu --trainer.precision 32-true --trainer.max_epochs 1 "
    "--trainer.limit_train_batches 3 --trainer.log_every_n_steps 1"
)
OWN = {"token_shuffling": "--model.size tiny --data.row_tokens 24 --data.batch_size 4"}


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


@pytest.fixture
def environment(folder) -> dict[str, str]:
    """Of a person without account and network whose bundled parts are tiny."""
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("WANDB_", "PRETUNE_"))}
    places = {"PYTHONPATH": str(ROOT), "PRETUNE_CACHE": str(folder / "cache")}
    offline = {"WANDB_MODE": "offline", "HF_HUB_OFFLINE": "1", "CUDA_VISIBLE_DEVICES": ""}
    return clean | places | offline


def run(words: list[str], folder: Path, environment: dict[str, str]) -> tuple[int, str]:
    """Exit code and output of ``python WORDS`` in the folder."""
    command, settings = [sys.executable, *words], {"cwd": folder, "env": environment}
    ended = forking.run(command, text=True, **settings)
    return ended.returncode, ended.stdout + ended.stderr


def own_commands() -> dict[str, list[str]]:
    """The command of each file, as the page shows it."""
    shown = [b for b in blocks("docs/extending.md") if b.language == "sh" and b.about != "own"]
    found = [words for block in shown for words in commands(block.text)]
    return {Path(w[1]).stem: w[1:] for w in found if w[0] == "python" and w[1] != "-m"}


@pytest.mark.quick_if(lambda case: case["name"] == "token_shuffling")
@pytest.mark.parametrize("name", own_commands())
def test_a_file_of_ones_own_runs_from_the_command_line(name, folder, environment):
    words = [*own_commands()[name], *QUICK, *shlex.split(OWN.get(name, ""))]
    code, said = run(words, folder, environment)
    assert code == 0, said
    (run_folder,) = (folder / "outputs" / name).iterdir()
    result = json.loads((run_folder / "result.json").read_text())
    assert any(key.startswith(("test/", "val/")) for key in result["metrics"])
    assert list((run_folder / "export").iterdir())
    assert list(run_folder.glob("wandb/offline-run-*"))


@pytest.mark.slow
def test_their_tests_pass(folder, environment):
    words = ["-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist"]
    code, said = run(words, folder, environment)
    assert code == 0, said
    assert len(own_commands()) == len(list(folder.glob("test_*.py"))) == 5


def test_classes_of_ones_own_serve_a_shipped_experiment(folder, environment):
    (block,) = [b for b in blocks("docs/extending.md") if b.about == "own"]
    shown = [words for words in commands(block.text) if words[0] == "python"]
    flags = [word for words in shown for word in words[2:]]
    script = str(ROOT / "experiments" / "lora_sst2.py")
    environment["PYTHONPATH"] += f"{os.pathsep}{folder}"
    code, said = run([script, *flags, *QUICK, "--output", "shipped"], folder, environment)
    assert code == 0, said
    for part in ("LayerNormTuning", "messages.txt", "largest gradient norm"):
        assert part in said
