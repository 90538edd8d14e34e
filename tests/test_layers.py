"""Imports point one way: experiments to the packages, and in experiments from tools to common."""

import ast
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
# What each may import beside itself. What modules and data modules must agree on lies in leaves.
LEAVES = {"datamodules.argument_names", "datamodules.batches", "datamodules.packaged"}
LEAVES |= {"datamodules.reachability", "datamodules.segmentation", "datamodules.spelling"}
LEAVES |= {"datamodules.words", "datamodules.answers", "datamodules.windows"}
LEAVES |= {"datamodules.choices", "datamodules.optional", "datamodules.unread"}
PACKAGES = {
    "datamodules": set(),
    "modules": LEAVES,
    "callbacks": {
        "datamodules.argument_names",
        "datamodules.whole_files",
        "datamodules.words",
    },
    "experiments": {"datamodules", "modules", "callbacks"},
}
# Each of these may import those that stand before it.
FOLDERS = ["common", "tracking", "reporting", "runner", "studies", "tools"]
# The same in the folders of modules.
KINDS = ["prompts", "tasks", "finetuning", "prompting", "pretraining", "conversion"]
# What only some modules need: it costs time, and is imported where it is used.
HEAVY = {"accelerate", "datasets", "matplotlib", "onnx", "onnxruntime", "pandas", "peft", "scipy"}
HEAVY |= {"bitsandbytes", "sklearn", "trl", "wandb"}
SOURCES = sorted(path for name in PACKAGES for path in (ROOT / name).rglob("*.py"))


def imports(path: Path) -> list[str]:
    """Modules of ours that a file imports, inside of its functions as well."""
    found = []
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom):
            assert not node.level, f"{path}: imports here are absolute"
            found += [f"{node.module}.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
    return [name for name in found if name.split(".")[0] in PACKAGES]


@pytest.mark.parametrize("package", ["modules", "datamodules", "callbacks"])
def test_importing_a_package_imports_no_heavy_library(package):
    for path in (ROOT / package).rglob("*.py"):
        for node in ast.parse(path.read_text()).body:  # not inside of functions or of conditions
            names = [alias.name for alias in getattr(node, "names", [])]
            names = [node.module] if isinstance(node, ast.ImportFrom) else names
            found = {name.partition(".")[0] for name in names} & HEAVY
            assert not found, f"{path.relative_to(ROOT)} imports {found} at its top"


@pytest.mark.parametrize("package", PACKAGES)
def test_packages_import_only_what_stands_below(package):
    own = [path for path in SOURCES if path.is_relative_to(ROOT / package)]
    assert own
    for path in own:
        for name in imports(path):
            allowed = any(f"{name}.".startswith(f"{one}.") for one in (package, *PACKAGES[package]))
            assert allowed, f"{path.relative_to(ROOT)} imports {name}"


def test_folders_of_experiments_import_only_what_stands_below():
    checked = 0
    for path in (ROOT / "experiments").rglob("*.py"):
        folder = path.relative_to(ROOT / "experiments").parts[0]
        if folder not in FOLDERS:
            continue  # an experiment or a benchmark may import any of them
        for name in imports(path):
            above = name.split(".")[1:2]
            if name.startswith("experiments.") and above[0] in FOLDERS:
                checked += 1
                low, high = FOLDERS.index(above[0]), FOLDERS.index(folder)
                assert low <= high, f"{path.relative_to(ROOT)} imports {name}"
    assert checked > 100


def file_of(name: str) -> str:
    """The file, as imported, in which a name stands."""
    while not (path := ROOT / name.replace(".", "/")).with_suffix(".py").is_file():
        if (path / "__init__.py").is_file():
            break
        name = name.rpartition(".")[0]
    return name


def test_folders_of_modules_import_only_what_stands_below():
    checked = 0
    folders = {path.parent.name for path in (ROOT / "modules").glob("*/__init__.py")}
    assert folders == {*KINDS}
    for kind in KINDS:
        for path in (ROOT / "modules" / kind).rglob("*.py"):
            for name in map(file_of, imports(path)):
                folder = [*name.split("."), ""][1]
                if name.startswith("modules.") and folder in KINDS:
                    checked += 1
                    low, high = KINDS.index(folder), KINDS.index(kind)
                    assert low <= high, f"{path.relative_to(ROOT)} imports {name}"
    assert checked > 100


@pytest.mark.parametrize("package", PACKAGES)
def test_no_files_of_a_package_import_each_other_in_a_circle(package):
    """Not by an import inside of a function, or for types, either."""
    graph = {}
    for path in (ROOT / package).rglob("*.py"):
        own = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        graph[own] = {file_of(name) for name in imports(path)} - {own, *PACKAGES}
    assert len([*TopologicalSorter(graph).static_order()]) >= len(graph) > 10  # or CycleError


def test_a_file_has_at_most_250_lines():
    lengths = {
        str(path.relative_to(ROOT)): len(path.read_text().splitlines())
        for path in [*SOURCES, *(ROOT / "tests").rglob("*.py")]
    }
    assert len(lengths) > 300
    assert {name: length for name, length in lengths.items() if length > 250} == {}


@pytest.mark.parametrize("folder", [".", "tasks", "finetuning", "prompting", "pretraining"])
def test_a_base_has_at_most_150_lines(folder):
    assert len((ROOT / "modules" / folder / "base.py").read_text().splitlines()) <= 150


@pytest.mark.parametrize("folder", ["finetuning", "pretraining"])
def test_the_class_of_a_strategy_or_an_objective_has_at_most_80_lines(folder):
    lengths = {
        node.name: (node.end_lineno or 0) - node.lineno + 1
        for path in (ROOT / "modules" / folder).glob("*.py")
        for node in ast.parse(path.read_text()).body
        if isinstance(node, ast.ClassDef) and path.name != "base.py"
    }
    assert len(lengths) > 12
    assert {name: lines for name, lines in lengths.items() if lines > 80} == {}


def test_the_class_of_a_task_has_at_most_80_lines():
    """Those that ask by a prompt serve modules that train and modules that do not: 120."""
    checked = 0
    for path in (ROOT / "modules" / "tasks").glob("*.py"):
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.ClassDef) and "Task[" in "".join(map(ast.unparse, node.bases)):
                checked += 1
                lines = (node.end_lineno or 0) - node.lineno + 1
                assert lines <= (120 if node.name.startswith("Prompted") else 80), node.name
    assert checked > 10
