"""What holds for every script: nothing of ours shadows a library, and a user's hooks stay."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from experiments.tools import console
from tests.experiments import running

EXPERIMENTS = running.ROOT / "experiments"
SCRIPTS = sorted([*EXPERIMENTS.glob("*.py"), *EXPERIMENTS.glob("tools/*.py")])
RUN_AS_A_SCRIPT = """
import importlib.util, sys
sys.path[0] = sys.argv[1]  # as Python does for a script in that folder
import experiments
found = [name for name in sys.argv[2:] if importlib.util.find_spec(name)
         and (importlib.util.find_spec(name).origin or "").startswith(sys.argv[1])]
print(found)
"""


def python(code: str, *words: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-c", code, *words],
        cwd=running.ROOT.parent,
        env={**running.environment(Path("/nowhere")), "PYTHONPATH": str(running.ROOT)},
        capture_output=True,
        text=True,
    )


@pytest.mark.parametrize("folder", [EXPERIMENTS, EXPERIMENTS / "tools"], ids=lambda f: f.name)
def test_no_module_of_ours_is_importable_by_a_bare_name(folder):
    names = sorted({path.stem for path in folder.glob("*.py")} | {"runner", "common", "reporting"})
    done = python(RUN_AS_A_SCRIPT, str(folder), *names)
    assert done.stdout == "[]\n", (done.stdout, done.stderr)


def test_a_library_import_changes_neither_hook_nor_path():
    code = "import sys; path, hook = [*sys.path], sys.excepthook; import experiments; "
    done = python(code + "print(sys.path == path, sys.excepthook is hook)")
    assert done.stdout == "True True\n", done.stderr


def test_another_hook_still_gets_what_is_no_interruption():
    code = (
        "import sys; sys.excepthook = lambda kind, *_: print('theirs', kind.__name__); "
        f"sys.path.insert(0, {str(EXPERIMENTS)!r}); import experiments; 1 / 0"
    )
    done = python(code)
    assert done.stdout == "theirs ZeroDivisionError\n", done.stderr


def test_flat_files_are_experiments_and_every_tool_is_a_word_of_pretune():
    for script in EXPERIMENTS.glob("*.py"):
        main = "__main__" in script.read_text()
        assert main or script.name == "__init__.py", f"{script.name} is no experiment"
    tools = {path.stem for path in EXPERIMENTS.glob("tools/*.py") if "__main__" in path.read_text()}
    assert tools == set(console.TOOLS)


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.stem)
def test_a_script_says_what_it_is_for(script):
    text = ast.get_docstring(ast.parse(script.read_text()))
    assert text and text.splitlines()[0].endswith((".", "?"))


def test_pretune_runs_a_tool_by_name_and_refuses_others(monkeypatch, capsys, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["pretune"])
    console.main()
    listed = capsys.readouterr().out
    assert all(f"  {name}" in listed for name in console.TOOLS)
    for words, line in (
        (["compar"], "pretune: error: compar: there is no such tool; did you mean compare?"),
        (["sync"], "pretune sync: error: --output outputs: there is no such folder"),
        (
            ["plan", "--row-tokens", "9"],
            "pretune plan: error: unrecognized arguments: --row-tokens",
        ),
    ):
        monkeypatch.setattr(sys, "argv", ["pretune", *words])
        with pytest.raises(SystemExit) as stop:
            console.main()
        said = capsys.readouterr().err
        assert stop.value.code == 2 and said.startswith(line) and said.count("\n") == 1, said
