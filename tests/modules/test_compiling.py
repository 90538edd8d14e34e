"""Compiled networks: when, which parts, and that nothing else changes."""

import shutil
from types import SimpleNamespace

import pytest
import torch

from callbacks import LastCheckpoint
from experiments.runner import compilation
from modules import LoRA, MaskedLM, SpanCorruption, compile_gain, compiling
from modules.compiling import Compiled
from tests import stories, tiny

CPU = torch.device("cpu")


@pytest.fixture
def path(tmp_path) -> str:
    return stories.write(tmp_path / "stories")


@pytest.fixture(autouse=True)
def bf16(monkeypatch):
    """A machine on which compilation was measured to pay."""
    monkeypatch.setattr(compile_gain, "native_bf16", lambda: True)


@pytest.fixture
def compiler(monkeypatch):
    """A machine with a compiler, where torch.compile only notes which shapes it was called with."""
    calls: list[list[int]] = []

    def compiled(function, **_):
        def call(*args, **settings):
            given = (v for v in (*args, *settings.values()) if isinstance(v, torch.Tensor))
            calls.append(list(next(given).shape))
            return function(*args, **settings)

        return call

    monkeypatch.setattr(torch, "compile", compiled)
    monkeypatch.setattr(compile_gain, "obstacle", lambda device: "")
    return calls


def sized(name, family, weights):
    """A module as the rule sees it."""
    table = torch.nn.Embedding(2, 2)
    network = torch.nn.Module()
    network.table, network.config = table, SimpleNamespace(model_type=family)
    network.rest = torch.nn.Parameter(torch.empty(weights, device="meta"))
    network.get_input_embeddings = lambda: table
    module = type(name, (torch.nn.Module,), {})()
    module.model = network
    return module


def test_auto_compiles_where_it_is_measured_to_pay(compiler, monkeypatch):
    module = sized("MaskedLM", "modernbert", 1_000_000)
    step = 6 * 1_000_000 * 4096 / 2e11  # seconds
    needed = compile_gain.num_steps_to_pay(module, 4096)
    assert needed == pytest.approx(25 / (0.16 * step))
    for steps, chosen in ((needed - 1, False), (needed + 1, True), (float("inf"), True)):
        callback = Compiled("auto")
        line = callback.decide(module, CPU, steps, 4096)
        assert callback.chosen == chosen and bool(line) == chosen
    assert line.startswith("the network is compiled: inf batches win back the time of that after ")
    for name, family in (("MaskedLM", "gpt2"), ("PermutationLM", "xlnet"), ("LoRA", "bert")):
        other, callback = sized(name, family, 1_000_000), Compiled("auto")
        assert not callback.decide(other, CPU, 1e12, 4096) and not callback.chosen
    assert not Compiled("auto").decide(module, CPU, 1e12, 0)  # tokens are not known
    assert not Compiled(False).decide(module, CPU, 1e12, 4096)
    monkeypatch.setattr(compile_gain, "native_bf16", lambda: False)
    assert not Compiled("auto").decide(module, CPU, 1e12, 4096)


@pytest.mark.parametrize("lacks", ["g++", "Python.h"])
def test_without_a_compiler(lacks, monkeypatch, tmp_path):
    monkeypatch.delenv("CXX", raising=False)
    if lacks == "g++":
        monkeypatch.setattr(shutil, "which", lambda name: None)
        monkeypatch.setattr(compile_gain.sys, "platform", "linux")
    else:
        monkeypatch.setattr(shutil, "which", lambda name: name)
        monkeypatch.setattr(compile_gain.sysconfig, "get_path", lambda name: str(tmp_path))
    module, callback = sized("MaskedLM", "modernbert", 1_000_000), Compiled("auto")
    line = callback.decide(module, CPU, 1e9, 4096)
    assert not callback.chosen and line.startswith("the network is not compiled: ")
    assert lacks in line and callback.reason in line
    with pytest.raises(ValueError, match=f"compile true: .*{lacks.replace('+', '.')}"):
        Compiled(True).decide(module, CPU, 1e9, 4096)


def test_a_wrong_choice():
    with pytest.raises(ValueError, match="choice is True, False or 'auto', not 'on'"):
        Compiled("on")


@pytest.mark.quick_if(lambda case: case["strategy"] is LoRA)
@pytest.mark.parametrize("strategy", tiny.STRATEGIES, ids=lambda strategy: strategy.__name__)
def test_a_strategy_runs_compiled_and_ends_as_it_was(
    strategy, compiler, bert, reviews, tmp_path, recwarn
):
    data, module = tiny.read(reviews, bert, batch_size=8), tiny.make(strategy, bert)
    names, keep = set(module.state_dict()), LastCheckpoint(tmp_path)
    callback = Compiled(True, after=0)
    tiny.fit(module, data, callback, keep, max_epochs=1)
    plain = tiny.make(strategy, bert)
    tiny.fit(plain, data, max_epochs=1)
    ends = tiny.trained(plain)
    assert all(torch.equal(value, ends[name]) for name, value in tiny.trained(module).items())
    held = torch.load(keep.file, weights_only=True)
    assert set(held["state_dict"]) == module.trainable and set(module.state_dict()) == names
    assert all("forward" not in vars(part) for part in module.modules())
    said = [str(one.message) for one in recwarn if "was not compiled" in str(one.message)]
    assert bool(compiler) != bool(said)  # a linear probe has nothing to compile, and says so
    assert len(callback.shapes) <= 8


def test_only_shapes_that_come_often_are_compiled(compiler, path):
    data = stories.corpus(path, MaskedLM, batch_size=8)
    rows = len(data._rows["train"])
    assert rows % 8 and rows > 24  # the last batch of an epoch has fewer rows
    callback = Compiled(True, after=2)
    module = stories.make(MaskedLM, path)
    tiny.fit(module, data, callback, max_epochs=2)
    full = [8, data.row_tokens + 2]
    assert compiler == [full] * (2 * (rows // 8) - 2) and len(callback.shapes) == 1
    again = Compiled(True, after=2)
    again.load_state_dict(callback.state_dict())
    assert again.shapes == callback.shapes and again._counts == callback._counts


def test_the_parts_of_an_encoder_with_a_decoder_are_compiled_apart(path):
    module = stories.make(SpanCorruption, path)
    network = module.model
    assert compiling.bodies_of(module) == [network.get_encoder(), network.get_decoder()]


@pytest.mark.slow
@pytest.mark.skipif(bool(compile_gain.obstacle(CPU)), reason="there is no compiler")
class TestCompiled:
    """By torch itself, which takes up to a minute for a network's first shape."""

    def curve(self, module, data, callback, **settings):
        run = tiny.fit(module, data, callback, limit_val_batches=0, **settings)
        assert callback.chosen is callback.choice, callback.reason
        assert not any("_orig" in name for name in module.state_dict())
        return [value for _, value in run.logger.values("train/loss")]

    @pytest.mark.parametrize("precision", ["32-true", "bf16-mixed"])
    def test_the_curve_is_that_of_the_plain_network(self, path, precision):
        data, curves = stories.corpus(path, MaskedLM, batch_size=8), []
        for choice in (False, True):
            module, callback = stories.make(MaskedLM, path, dropout=0.1), Compiled(choice, after=2)
            length = {"max_epochs": 2, "limit_train_batches": 5}
            curves.append(self.curve(module, data, callback, precision=precision, **length))
            assert bool(callback.shapes) == choice
        assert len(curves[0]) == 10 and curves[0][:2] == curves[1][:2]
        assert curves[1] == pytest.approx(curves[0], rel=1e-3 if precision == "32-true" else 0.02)

    def test_lora_with_dropout(self, bert, reviews):
        data, curves = tiny.read(reviews, bert, batch_size=8), []
        for choice in (False, True):
            module = tiny.make(LoRA, bert, backbone_dropout=0.1)
            callback = Compiled(choice, after=2)
            curves.append(self.curve(module, data, callback, overfit_batches=1, max_epochs=6))
        assert callback.shapes and curves[1] == pytest.approx(curves[0], rel=1e-3)

    def test_a_resumed_run_ends_as_an_unbroken_one(self, path, tmp_path):
        ends, data = {}, stories.corpus(path, MaskedLM, batch_size=8)
        for name, epochs, resume in (("part", 1, False), ("rest", 2, True), ("whole", 2, False)):
            module = stories.make(MaskedLM, path, schedule="constant", warmup_ratio=0.0)
            keep, callback = LastCheckpoint(tmp_path / name), Compiled(True, after=2)
            file = tmp_path / "part" / "last.ckpt" if resume else None
            length = {"max_epochs": epochs, "limit_train_batches": 5}
            tiny.fit(module, data, callback, keep, resume=file, **length)
            ends[name] = tiny.trained(module)
        assert callback.chosen and callback.shapes
        assert all(torch.equal(value, ends["rest"][name]) for name, value in ends["whole"].items())


@pytest.mark.parametrize(
    ("settings", "epoch", "batches"),
    [
        ({"max_epochs": 3}, 10, 30),
        ({"max_epochs": 3, "max_steps": 5}, 10, 5),
        ({"max_steps": 5, "accumulate_grad_batches": 4}, 10, 20),
        ({"max_epochs": -1}, 10, float("inf")),
        ({"max_epochs": 3}, 0, 0),  # not known
        ({"max_epochs": 3, "world_size": 2}, 10, 0),
    ],
)
def test_the_batches_of_a_run(settings, epoch, batches):
    known = {"max_epochs": None, "max_steps": -1, "accumulate_grad_batches": 1, "world_size": 1}
    trainer = SimpleNamespace(**{**known, **settings})
    assert compile_gain.num_batches(trainer, epoch) == batches


@pytest.mark.parametrize("limit", [None, 2, 0.5])
def test_the_command_counts_the_batches_as_the_callback_does(limit, path, compiler):
    """Of a last batch with fewer rows, a limit, and steps of several batches."""
    counted = []
    data = stories.corpus(path, MaskedLM, batch_size=7)
    settings = {"max_epochs": 2, "accumulate_grad_batches": 3, "limit_train_batches": limit}
    settings["limit_val_batches"] = 0
    trainer, module = tiny.trainer([], **settings), stories.make(MaskedLM, path)
    rows = {"train": len(data._rows["train"])}
    for callback in (Compiled("auto"), Compiled("auto")):
        callback.decide = lambda *asked: counted.append(asked[2]) or ""
        if counted:
            tiny.fit(module, data, callback, **settings)
        else:
            compilation.decide(callback, trainer, module, data, rows)
    assert counted[0] == counted[1] > 0
