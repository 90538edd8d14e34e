"""Cross-entropy in chunks is cross-entropy."""

import pytest
import torch
from torch.nn import functional

from modules import cross_entropy


@pytest.fixture(params=[1, 3, 1000], ids="rows of a chunk: {}".format)
def chunks(request, monkeypatch):
    monkeypatch.setattr(cross_entropy, "_ENTRIES", {"cpu": 11 * request.param})


def made(rows: int, bias: bool) -> tuple:
    draw = torch.Generator().manual_seed(rows)
    hidden = torch.randn(rows, 5, generator=draw).requires_grad_()
    weight = torch.randn(11, 5, generator=draw).requires_grad_()
    shift = torch.randn(11, generator=draw).requires_grad_() if bias else None
    return hidden, weight, shift, torch.randint(0, 11, (rows,), generator=draw)


@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("rows", [0, 1, 8])
def test_loss_hits_and_gradients_are_those_of_the_plain_one(chunks, rows, bias):
    hidden, weight, shift, targets = made(rows, bias)
    wanted = [tensor for tensor in (hidden, weight, shift) if tensor is not None]
    logits = functional.linear(hidden, weight, shift)
    plain = functional.cross_entropy(logits, targets, reduction="sum")
    ours, right = cross_entropy.chunked_cross_entropy(hidden, weight, shift, targets)
    torch.testing.assert_close(ours, plain)
    assert int(right) == int((logits.argmax(1) == targets).sum())
    for one, other in zip(
        torch.autograd.grad(ours * 0.7, wanted),
        torch.autograd.grad(plain * 0.7, wanted),
        strict=True,
    ):
        torch.testing.assert_close(one, other)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_of_equal_logits_only_the_first_is_a_hit(chunks, dtype):
    weight = torch.randn(11, 5, generator=torch.Generator().manual_seed(0)).to(dtype)
    weight[7] = weight[2]
    targets = torch.arange(11)
    hidden = torch.cat([weight * 9, torch.zeros(11, 5, dtype=dtype)])  # zeros: all logits are equal
    wanted = (hidden @ weight.T).argmax(1) == targets.repeat(2)
    loss, right = cross_entropy.chunked_cross_entropy(hidden, weight, None, targets.repeat(2))
    assert int(right) == int(wanted.sum()) < 12
    plain = functional.cross_entropy(
        (hidden @ weight.T).float(), targets.repeat(2), reduction="sum"
    )
    torch.testing.assert_close(loss, plain)


def test_under_autocast_it_rounds_as_the_plain_one(chunks):
    hidden, weight, shift, targets = made(8, True)
    with torch.autocast("cpu", torch.bfloat16):
        logits = functional.linear(hidden, weight, shift)
        plain = functional.cross_entropy(logits.float(), targets, reduction="sum")
        ours, _ = cross_entropy.chunked_cross_entropy(hidden, weight, shift, targets)
        with torch.no_grad():
            exact, _ = cross_entropy.chunked_cross_entropy(hidden, weight, shift, targets)
    torch.testing.assert_close(exact, plain)
    assert abs(float(ours.detach() - plain.detach())) < 0.004 * len(targets)
    one, other = (torch.autograd.grad(loss, (hidden, weight)) for loss in (ours, plain))
    for mine, theirs in zip(one, other, strict=True):
        torch.testing.assert_close(mine, theirs, atol=0.05, rtol=0.02)


def test_what_needs_no_gradient_gets_none(chunks):
    hidden, weight, shift, targets = made(8, True)
    with torch.no_grad():
        loss, _ = cross_entropy.chunked_cross_entropy(hidden, weight, shift, targets)
    assert not loss.requires_grad
    loss, _ = cross_entropy.chunked_cross_entropy(hidden.detach(), weight, None, targets)
    loss.backward()
    assert hidden.grad is None
    assert weight.grad is not None


def test_training_goes_on_after_a_larger_validation(chunks):
    def gradients(loss_of) -> tuple:
        hidden, weight, shift, targets = made(3, True)
        loss = loss_of(hidden, weight, shift, targets)
        return torch.autograd.grad(loss, (hidden, weight, shift))

    def ours(*tensors) -> torch.Tensor:
        return cross_entropy.chunked_cross_entropy(*tensors)[0]

    def plain(hidden, weight, shift, targets) -> torch.Tensor:
        logits = functional.linear(hidden, weight, shift)
        return functional.cross_entropy(logits, targets, reduction="sum")

    before = gradients(ours)
    with torch.inference_mode():  # memory made here cannot be written to outside
        cross_entropy.chunked_cross_entropy(*made_without_gradients(500))
    for now, then, wanted in zip(gradients(ours), before, gradients(plain), strict=True):
        assert torch.equal(now, then)
        torch.testing.assert_close(now, wanted)


def made_without_gradients(rows: int) -> list:
    return [tensor.detach() for tensor in made(rows, True)]
