"""Flags without effect beside the value of another flag are refused; each class names its own."""

from types import SimpleNamespace

import pytest

import datamodules
from datamodules import unread
from datamodules.pipeline.settings import Settings
from datamodules.unread import Unread, given, off
from experiments.runner import unread_flags
from experiments.runner.classes import class_flags
from experiments.runner.given_flags import Given
from modules import QuestionAnswering
from modules.base import PretuneModule
from modules.registry import registered
from modules.tasks import Task

CLASSES = [*registered(PretuneModule).values(), *registered(Task).values()]
CLASSES.append(Settings)
CLASSES += [getattr(datamodules, name) for name in datamodules.__all__]


def asked(flag: str, value: str, file: str = "") -> Given:
    return Given(flag, [value], [flag, value], file)


class Part:
    unread = (Unread(("size", "shape"), "backbone", given), Unread(("depth",), "layers", off))


class Special(Part):
    unread = (Unread(("colour",), "paint", "none".__eq__),)


@pytest.mark.parametrize(
    ("settings", "flag", "refusal"),
    [
        ({"backbone": "minilm"}, "size", "has no effect with --model.backbone minilm; change"),
        ({"backbone": "minilm"}, "shape", "has no effect with --model.backbone minilm; change"),
        ({"backbone": None}, "size", None),
        ({"layers": 0}, "depth", "has no effect without --model.layers; set that, or leave it"),
        ({"layers": 2}, "depth", None),
        ({"paint": "none"}, "colour", "has no effect with --model.paint none; change that, or"),
        ({"paint": "oil"}, "colour", None),
    ],
)
def test_a_flag_beside_a_value(settings, flag, refusal):
    flags = [asked(f"--model.{flag}", "large")]
    parts = {"model": Special(), "model.task": None}
    if refusal is None:
        assert unread_flags.check(flags, parts, {"model": settings}) == []
        return
    with pytest.raises(ValueError, match=rf"^--model.{flag} large: {refusal}"):
        unread_flags.check(flags, parts, {"model": settings})
    # A file may name every setting, as that of a run does.
    unread_flags.check([asked(f"--model.{flag}", "large", "a.yaml")], parts, {"model": settings})


def test_a_budget_of_tokens_beside_a_number_of_rows_is_told():
    given, parts = [asked("--data.batch_tokens", "512")], {"data": datamodules.SST2()}
    (note,) = unread_flags.check(given, parts, {"data": {"batch_size": 16}})
    assert note == "--data.batch_tokens 512 has no effect with --data.batch_size 16"
    assert unread_flags.check(given, parts, {"data": {"batch_size": None}}) == []


def test_a_task_has_its_own():
    settings = {"model": {"task": {"paint": "none"}, "paint": "oil"}}
    parts = {"model": Special(), "model.task": Special(), "data": SimpleNamespace()}
    unread_flags.check([asked("--model.colour", "red")], parts, settings)
    with pytest.raises(ValueError, match=r"--model.task.colour red: has no effect with --model.ta"):
        unread_flags.check([asked("--model.task.colour", "red")], parts, settings)


def test_a_value_that_follows_the_data_is_not_to_be_set():
    settings = {"model": {"task": {"unanswerable": False}}}
    links = {"--model.task.unanswerable": "--data.unanswerable"}
    given, parts = [asked("--model.task.null_threshold", "1")], {"model.task": QuestionAnswering()}
    with pytest.raises(ValueError, match=r", which follows --data.unanswerable; leave it out$"):
        unread_flags.check(given, parts, settings, links)


def test_a_mistake_in_a_list_of_ones_own_is_named():
    class Bare:
        unread = Unread(("size",), "backbone", given)

    class Misspelt:
        unread = (Unread(("size",), "backbonne", off),)

    flags = [asked("--model.size", "large")]
    with pytest.raises(ValueError, match=r"^Bare.unread: must be a tuple of Unread"):
        unread_flags.check(flags, {"model": Bare()}, {"model": {"backbone": None}})
    with pytest.raises(ValueError, match=r"^Misspelt.unread: 'backbonne' is no argument of the"):
        unread_flags.check(flags, {"model": Misspelt()}, {"model": {"backbone": None}})


@pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: cls.__name__)
def test_the_names_are_those_of_flags(cls):
    flags = {flag.rpartition(".")[2] for flag in class_flags(cls, "part")}
    assert flags
    for one in unread.declared(cls):
        assert {one.other, *one.names} <= flags


def test_a_class_stands_for_what_is_not_built_yet():
    flags = [asked("--model.size", "large")]
    with pytest.raises(ValueError, match="has no effect with --model.backbone minilm"):
        unread_flags.check(flags, {"model": Special}, {"model": {"backbone": "minilm"}})
