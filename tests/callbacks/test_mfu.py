"""MFU against the closed form of a GPT-2's FLOPs."""

import pytest
import torch

import callbacks.mfu as utilization
from callbacks import MFUMonitor, ThroughputMonitor
from modules import CausalLM
from tests import stories, tiny


@pytest.fixture
def path(tmp_path) -> str:
    return stories.write(tmp_path / "stories")


def test_flops_are_those_of_the_matrices_and_of_attention(path, monkeypatch):
    monkeypatch.setattr(utilization, "peak_flops", lambda device, precision: 1e12)
    data = stories.corpus(path, CausalLM, batch_size=8)
    module, rate = stories.make(CausalLM, path, family="gpt2"), 5000.0  # tokens per second
    measured = MFUMonitor(lambda: rate)
    trainer = tiny.fit(module, data, measured, max_epochs=1, limit_train_batches=3)
    layers, width, tokens = 2, 128, data.row_tokens
    forward = 2 * 12 * layers * width**2 + 4 * layers * tokens * width
    # The last token of a row predicts nothing, but 8 x 23 logits are padded to 3 x 64.
    head = 2 * width * len(module.tokenizer) * 3 * 64 / (8 * tokens)
    assert measured.flops_per_token == pytest.approx(3 * (forward + head))
    wanted = rate * 3 * (forward + head) / 1e12
    assert float(trainer.callback_metrics["mfu"]) == pytest.approx(wanted)
    assert trainer.global_step == 3
    resumed = MFUMonitor(lambda: rate)
    assert resumed.state_dict() == {}
    resumed.load_state_dict(measured.state_dict())
    assert resumed.flops_per_token == measured.flops_per_token


def test_nothing_is_said_where_the_peak_is_not_known(path, monkeypatch):
    monkeypatch.setattr(utilization, "peak_flops", lambda device, precision: None)
    data = stories.corpus(path, CausalLM, batch_size=8)
    cost = ThroughputMonitor()
    measured = MFUMonitor(cost.rate)
    module = stories.make(CausalLM, path)
    trainer = tiny.fit(module, data, cost, measured, max_epochs=1, limit_train_batches=2)
    assert "mfu" not in trainer.callback_metrics
    assert measured.flops_per_token is None


def test_a_run_on_a_cpu_has_an_mfu_and_the_same_weights(path):
    ends = []
    for watched in (True, False):
        data, cost = stories.corpus(path, CausalLM, batch_size=8), ThroughputMonitor()
        module = stories.make(CausalLM, path)
        callbacks = [cost, *[MFUMonitor(cost.rate)] * watched]
        trainer = tiny.fit(module, data, *callbacks, max_epochs=1, limit_train_batches=2)
        assert ("mfu" in trainer.callback_metrics) == watched
        if watched:
            assert 0 < float(trainer.callback_metrics["mfu"]) < 1
        ends.append(tiny.trained(module))
    assert all(torch.equal(value, ends[1][name]) for name, value in ends[0].items())


def test_the_peak_of_a_cpu_is_measured_once_for_each_precision(monkeypatch):
    utilization.measured_peak.cache_clear()
    calls, mm = [], torch.mm
    monkeypatch.setattr(torch, "mm", lambda *pair: calls.append(pair[0].dtype) or mm(*pair))
    before = torch.get_rng_state()
    peaks = [utilization.peak_flops(torch.device("cpu"), p) for p in ("bf16-mixed", "32-true") * 2]
    assert peaks[:2] == peaks[2:] and all(1e8 < peak < 1e16 for peak in peaks)
    assert set(calls) == {torch.bfloat16, torch.float32} and len(calls) <= 12
    assert torch.equal(before, torch.get_rng_state())


@pytest.mark.parametrize(
    ("name", "precision", "peak"),
    [
        ("NVIDIA H100 80GB HBM3", "bf16-mixed", 989e12),
        ("NVIDIA H100 PCIe", "16-mixed", 756e12),
        ("NVIDIA A100-SXM4-80GB", "bf16-true", 312e12),
        ("NVIDIA L4", "bf16-mixed", 121e12),
        ("NVIDIA L40S", "bf16-mixed", 362e12),
        ("NVIDIA L40", "bf16-mixed", 181e12),
        ("NVIDIA A100 80GB PCIe", "bf16-mixed", 312e12),
        ("NVIDIA H100 NVL", "bf16-mixed", 835e12),
        ("NVIDIA H200 NVL", "bf16-mixed", 835e12),
        ("NVIDIA GH200 480GB", "bf16-mixed", 989e12),
        ("NVIDIA GeForce RTX 3090", "bf16-mixed", 71e12),
        ("NVIDIA GeForce RTX 3090 Ti", "bf16-mixed", None),
        ("NVIDIA GeForce RTX 4090 Laptop GPU", "bf16-mixed", None),
        ("NVIDIA RTX A1000", "bf16-mixed", None),
        ("NVIDIA A10G", "bf16-mixed", None),
        ("NVIDIA A100-SXM4-80GB MIG 1g.10gb", "bf16-mixed", None),
        ("NVIDIA H100 80GB HBM3", "32-true", None),
        ("Some Other", "bf16-mixed", None),
    ],
)
def test_peaks(monkeypatch, name, precision, peak):
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: name)
    assert utilization.peak_flops(torch.device("cuda"), precision) == peak
    assert utilization.peak_flops(torch.device("mps"), precision) is None
