"""A class in a file of one's own is found, tested, stored and loaded like those in `modules`."""

import gc
import importlib
import os
import sys
from pathlib import Path

import pytest
import torch

import modules
from modules import registry
from modules.exporting import export
from modules.finetuning.base import FineTuningModule
from modules.pretraining.base import PretrainingModule
from modules.registry import Registered, registered
from modules.tasks import Task, from_dict, to_dict
from tests import tiny
from tests.experiments import forking

OWN = '''"""An objective, a strategy and a task that this repository does not have."""

from modules import Classification, FullFineTuning, MaskedLM


class HalfMasked{number}(MaskedLM):
    """MaskSampler every other token on average."""

    def __init__(self, probability: float = 0.5, **kwargs) -> None:
        super().__init__(probability=probability, **kwargs)


class OnlyHead{number}(FullFineTuning):
    """Trains the task's head alone, in the format of this repository."""

    own_format = True

    def adapt(self, model):
        from modules.finetuning.freezing import train_only

        return train_only(model)


class Doubled{number}(Classification):
    """Twice the cross-entropy."""

    def loss(self, logits, batch):
        return 2 * super().loss(logits, batch)


class _Shared(MaskedLM):
    """What two of one's own objectives have in common."""
'''


@pytest.fixture(autouse=True)
def _forget(monkeypatch, tmp_path):
    """Other tests know nothing of the classes that are defined here."""
    monkeypatch.setattr(registry, "_CLASSES", dict(registry._CLASSES))
    monkeypatch.syspath_prepend(tmp_path)
    yield
    for name in [name for name in sys.modules if name.startswith("own_modules_")]:
        del sys.modules[name]
    gc.collect()


def write(folder: Path, number: int) -> str:
    """The name of a new module on the import path, with classes that no other test has."""
    name = f"own_modules_{number}"
    (folder / f"{name}.py").write_text(OWN.replace("{number}", str(number)))
    return name


def test_what_a_file_of_ones_own_defines_is_found_by_name(bert, reviews, tmp_path):
    own = importlib.import_module(write(tmp_path, 1))
    assert registered(PretrainingModule)["HalfMasked1"] is own.HalfMasked1 is modules.HalfMasked1
    assert registered(FineTuningModule)["OnlyHead1"] is own.OnlyHead1
    assert registered(Task)["Doubled1"] is own.Doubled1
    assert "OnlyHead1" not in registered(Task)
    assert "_Shared" not in registered(object)
    assert "OnlyHead1" in dir(modules)
    task = own.Doubled1(labels=["a", "b"])
    assert type(from_dict(to_dict(task))) is own.Doubled1
    module = tiny.make(own.OnlyHead1, bert, task=task).eval()
    again = modules.load(export(module, tmp_path / "export"))
    assert type(again) is own.OnlyHead1
    assert type(again.task) is own.Doubled1
    batch = tiny.batch_of(bert, reviews)
    assert torch.equal(tiny.logits(again, batch), tiny.logits(module, batch))


def test_names_are_unique_but_a_definition_may_be_repeated(tmp_path):
    own = importlib.import_module(write(tmp_path, 2))
    (tmp_path / "own_modules_3.py").write_text(OWN.replace("{number}", "2"))
    with pytest.raises(
        ValueError, match=r"own_modules_3.HalfMasked2: own_modules_2.HalfMasked2 has"
    ):
        importlib.import_module("own_modules_3")
    again = importlib.reload(own)  # as a notebook does
    assert registered(PretrainingModule)["HalfMasked2"] is again.HalfMasked2


def test_what_could_not_be_imported_is_not_found():
    class Local(modules.LoRA):
        pass

    assert "Local" not in registered(object)
    assert "FineTuningModule" not in registered(object)
    assert issubclass(Local, Registered)
    with pytest.raises(AttributeError, match="'modules' has no attribute 'Local'"):
        _ = modules.Local


def test_every_name_can_be_imported():
    assert len(set(modules.__all__)) == len(modules.__all__) > 20
    for name in modules.__all__:
        assert callable(getattr(modules, name))


def test_a_task_of_a_file_that_is_not_imported_is_named():
    with pytest.raises(
        ValueError, match="Unheard: no such class; define or import it, outside of any function"
    ):
        from_dict({"name": "Unheard", "arguments": {}})


@pytest.mark.slow
def test_the_contract_of_every_objective_is_that_of_ones_own(tmp_path):
    root = Path(modules.__file__).parent.parent
    name = write(tmp_path, 4)
    paths = os.pathsep.join([str(root), str(tmp_path)])
    contract = "tests/modules/pretraining/test_contract.py"
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:xdist", "-p", name, contract]
    chosen = ["-k", "HalfMasked4 and (overfits or export)"]
    settings = {"cwd": root, "env": {**os.environ, "PYTHONPATH": paths}, "text": True}
    ended = forking.run([*command, *chosen], **settings)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "2 passed" in ended.stdout
