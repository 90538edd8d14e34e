"""A task and a strategy in a file of one's own: read again in another process, or refused."""

import contextlib
import json
import sys

import pytest

import modules
from modules import LoRA, registry
from modules.exporting import export
from tests import tiny

OWN = """
from torch.nn import functional
from torchmetrics import Accuracy, MetricCollection

from modules import LoRA
from modules.tasks import heads
from modules.tasks.base import Task


class {task}(Task):
    monitor, mode = "val/accuracy", "max"

    def __init__(self, labels=None, weight=1.0):
        self.labels, self.weight = heads.class_names(labels), weight
        self.head = heads.Head(self.labels, pooling="native", dropout=None)

    def arguments(self):
        return {{"labels": self.labels, "weight": self.weight}}

    def loss(self, logits, batch):
        return self.weight * functional.cross_entropy(logits, batch["labels"])

    def metrics(self, stage):
        classes = {{"task": "multiclass", "num_classes": len(self.labels)}}
        return MetricCollection({{"accuracy": Accuracy(**classes)}})


class {strategy}(LoRA):
    own_format = True  # exports its own weights, so that its class is read again
"""


@pytest.fixture
def file(tmp_path, monkeypatch, request):
    """A file of one's own in the current folder; its classes have names of their own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path, str(tmp_path)])
    names = {
        kind: kind.title() + str(abs(hash(request.node.name))) for kind in ("task", "strategy")
    }
    stem = names["task"].lower()
    (tmp_path / f"{stem}.py").write_text(OWN.format(**names))
    yield stem, names
    sys.modules.pop(stem, None)
    forget(names)


def forget(names) -> None:
    for name in names.values():
        registry._CLASSES.pop(name, None)


@pytest.mark.parametrize("way", ["export", "checkpoint"])
def test_a_task_and_a_strategy_of_ones_own_open_in_another_process(bert, reviews, file, way):
    stem, names = file
    own = __import__(stem)
    kind, task = getattr(own, names["strategy"]), getattr(own, names["task"])
    module = kind(backbone=bert, task=task(["bad", "good"], weight=2.0))
    trainer = tiny.fit(module, tiny.read(reviews, bert), max_epochs=1)
    if way == "export":
        place = export(module, own.__file__[:-3])
        assert (
            json.loads((place / "module.json").read_text())["module"] == f"{stem}.{kind.__name__}"
        )
    else:
        place = (reviews.parent / f"{stem}-run").resolve()
        trainer.save_checkpoint(place / "checkpoints" / "best.ckpt", weights_only=True)
    wanted = module.eval().predict_proba(["a warm film"])
    del sys.modules[stem]
    forget(names)  # as in a process that knows nothing of it
    again = modules.load(place)
    assert type(again).__name__ == names["strategy"] and again.task.weight == 2.0
    assert abs(again.predict_proba(["a warm film"]) - wanted).max() < 1e-5


def test_a_file_that_is_gone_is_named(bert, file, tmp_path):
    stem, names = file
    own = __import__(stem)
    place = export(LoRA(backbone=bert, task=getattr(own, names["task"])()), tmp_path / "export")
    (tmp_path / f"{stem}.py").unlink()
    del sys.modules[stem]
    forget(names)
    with pytest.raises(
        ValueError, match=f"{stem}.{names['task']}: there is no module {stem} in .*im"
    ):
        modules.load(place)
    made = json.loads((place / "module.json").read_text())
    for name, message in (
        ("nix.py:A", "there is no file nix.py"),
        ("export/a.py:A", "lies in that"),
    ):
        made["arguments"]["task"]["name"] = name
        (place / "module.json").write_text(json.dumps(made))
        with contextlib.chdir(tmp_path), pytest.raises(ValueError, match=message):
            modules.load(place)
