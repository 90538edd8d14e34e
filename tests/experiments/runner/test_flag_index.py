"""The catalogue of flags ends with any change that it may not have seen."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from experiments.runner import catalogue_entries, flag_index, sources
from experiments.runner.catalogue import joined
from modules.kernels import native_bf16

NAME = "lora_sst2"
FACTS = {
    "backbones": {},
    "kinds": {},
    "flags": {"--seed": ["The seed", 0, False, None, ["text"], "", False, False]},
    "experiments": {
        NAME: {
            "names": ["--seed"],
            "flags": {},
            "defaults": {},
            "stated": [],
            "links": {},
            "bases": {},
        }
    },
}


def forget() -> None:
    """What a process remembers from the first time that it asked."""
    flag_index.fingerprint.cache_clear()
    flag_index.read.cache_clear()


@pytest.fixture
def kept(tmp_path, monkeypatch):
    """Keep the catalogue of an experiment in a cache of its own; gives what is read again."""
    monkeypatch.setenv("PRETUNE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(catalogue_entries, "collected", lambda name, parser: FACTS)
    monkeypatch.setattr(sources, "read", lambda name: None)

    def read():
        forget()
        found = flag_index.read(NAME)
        return list(found.own.flags) if found else None

    forget()  # an earlier test may have asked for it
    yield read
    forget()


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: text[:-9],
        lambda text: text + " ",
        lambda text: text.replace("--seed", "--sead"),
        lambda text: "",
        lambda text: "{}",
        lambda text: "\udcff",
    ],
)
def test_a_damaged_catalogue_is_none(damage, kept, tmp_path):
    flag_index._keep(NAME, None)
    assert kept() == ["--seed"]
    (file,) = (tmp_path / "cache" / "flags").iterdir()
    file.write_bytes(damage(file.read_text()).encode("utf-8", "surrogateescape"))
    assert kept() is None
    flag_index._keep(NAME, None)
    assert kept() == ["--seed"]


def test_a_kept_catalogue_ends_with_any_change(kept, tmp_path, monkeypatch):
    ours, installed = tmp_path / "sources", tmp_path / "installed"
    (ours / "modules").mkdir(parents=True)
    installed.mkdir()
    monkeypatch.setattr(flag_index, "ROOT", ours)
    monkeypatch.setattr("sys.path", ["script", str(installed)])
    changes = [
        lambda: (ours / "modules" / "new.py").write_text("A = 1"),
        lambda: (ours / "modules" / "new.py").write_text("A = 2"),
        lambda: (ours / "modules" / "new.py").unlink(),
        lambda: (installed / "torch-2.0.dist-info").mkdir(),
        lambda: os.utime(installed / "torch-2.0.dist-info", (1, 1)),
        lambda: monkeypatch.setenv("WANDB_PROJECT", "another"),
    ]
    for change in changes:
        forget()
        flag_index._keep(NAME, None)
        assert kept()
        change()
        assert kept() is None


def test_a_script_and_a_module_share_it(kept, monkeypatch):
    """``python experiments/x.py`` begins the path with its folder, -m with the current one."""
    flag_index._keep(NAME, None)
    for first in ("", "/elsewhere"):
        monkeypatch.setattr("sys.path", [first, *sys.path[1:]])
        assert kept()


def test_a_cache_that_cannot_be_written_is_done_without(kept, tmp_path):
    (tmp_path / "cache").write_text("a file")
    flag_index._keep(NAME, None)
    assert kept() is None


def test_classes_of_the_users_own_are_not_kept(kept, monkeypatch):
    own = {**FACTS, "kinds": {f"{__name__}.Mine": {}}}  # these tests are in no package of ours
    monkeypatch.setattr(catalogue_entries, "collected", lambda name, parser: own)
    flag_index._keep(NAME, None)
    assert kept() is None
    assert flag_index._is_covered("modules.base.PretuneModule")
    assert flag_index._is_covered("lightning.pytorch.Trainer")


def test_bf16_is_found_without_torch():
    assert flag_index.native_bf16() in (None, native_bf16())


TEXT = '''
def size(): return 1
class A:
    """About."""
    def __init__(self, rank: int = size()): self.rank = rank
    def act(self): return 1
class B(A):
    def __init__(self, **rest): super().__init__(**rest)
'''


@pytest.mark.parametrize(
    ("old", "new", "counts"),
    [
        ("self.rank = rank", "self.rank = rank + 1", False),
        ("act(self): return 1", "act(self): return 2", False),
        ("def size(): return 1", "def size(): return 2", True),
        ("rank: int", "rank: float", True),
        ("size())", "size() + 1)", True),
        ("About.", "Above.", True),
        ("class A:", "class A(B):", True),
        ("def act(self)", "@cache\n    def act(self)", True),
        ("class A:", "# A\nclass A:", False),
        ("super().__init__(**rest)", "C.__init__(self, **rest)", True),
    ],
)
def test_an_interface_is_all_but_what_functions_do(old, new, counts):
    assert old in TEXT
    before, after = (
        sources.interface(text, "modules/a.py", ["size"]) for text in (TEXT, TEXT.replace(old, new))
    )
    assert (before != after) == counts
    whole = "experiments/runner/classes.py"
    assert sources.interface(TEXT, whole, []) != sources.interface(TEXT + "#", whole, [])


def test_a_file_that_is_no_python_ends_the_catalogue(monkeypatch):
    carried()
    monkeypatch.setattr(sources, "_texts", lambda: [("modules/half.py", "def f(:")])
    assert sources.read(NAME) is None


def test_the_code_that_makes_flags_counts_as_a_whole():
    there = dict(sources._texts())
    assert there.keys() >= sources._WHOLE
    makers = {name for name, text in there.items() if ".add_argument(" in text}
    assert {name for name in makers if name.startswith("experiments/runner/")} <= sources._WHOLE


def carried() -> dict:
    kept = json.loads(sources.FILE.read_text(encoding="utf-8"))
    if kept["versions"] != sources.versions():
        pytest.skip("the catalogue that the project carries is of other versions")
    return kept


def test_the_projects_catalogue_is_of_these_sources():
    kept, due = carried(), "run: python -m experiments.runner.catalogue_writer"
    assert sources.changed(kept) == [], due
    scripts = {file.stem: sources.script(file) for file in sources.scripts()}
    assert kept["scripts"] == scripts, due


def test_the_projects_catalogue_ends_with_versions_and_scripts(monkeypatch):
    carried()
    assert sources.read(NAME) and sources.read("no_experiment") is None
    with monkeypatch.context() as patch:
        patch.setattr(sources, "versions", lambda: {"torch": "1.0"})
        assert sources.read(NAME) is None
    monkeypatch.setattr(sources, "script", lambda file: "another")
    assert sources.read(NAME) is None


@pytest.mark.slow
def test_the_projects_catalogue_is_what_the_classes_say():
    kept = carried()
    names = [NAME, "pretrain", "squad", "zero_shot_sst2"]
    code = "import json, pathlib, experiments.runner.catalogue_writer as w; print(json.dumps("
    code += f"w.of_scripts([w.sources.ROOT / 'experiments' / f'{{n}}.py' for n in {names}])))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    parts = json.loads(done.stdout.splitlines()[-1])
    for part in parts:
        ((name, entry),) = part["experiments"].items()
        assert {path: kept["kinds"][path] for path in part["kinds"]} == part["kinds"], name
        held = kept["experiments"][name]
        flags = {flag: held["flags"].get(flag, kept["flags"][flag]) for flag in held["names"]}
        assert flags == part["flags"] and {**held, "flags": {}} == entry, name
    assert Path(sources.FILE).stat().st_size < 1_500_000
    assert joined(parts)["backbones"] == kept["backbones"]
