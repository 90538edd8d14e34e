"""Cross-entropy of a vocabulary without the logits of all tokens at once."""

import torch
from torch import Tensor
from torch.nn import functional

# On a CPU oneDNN compiles its kernels anew for each number of rows that it meets, and keeps them.
_STEP = {"cpu": 64}
# Logits of a chunk: on a CPU as many as stay in its cache, elsewhere as many as keep it busy.
_ENTRIES = {"cpu": 1 << 23}
_ENTRIES_ELSEWHERE = 1 << 28


def pad_to_multiple(rows_NH: Tensor) -> Tensor:
    """Pad (N, H) with rows of zeros to a multiple of 64 on a CPU; elsewhere return it as it is.

    So few different numbers of rows occur.
    """
    return functional.pad(rows_NH, (0, 0, 0, -len(rows_NH) % _STEP.get(rows_NH.device.type, 1)))


def _is_argmax(logits_NV: Tensor, top_N: Tensor, goal_N: Tensor, goal_logit_N: Tensor) -> Tensor:
    """Tell where the target is the token that argmax chooses: of equal logits, the first.

    Logits of 16 bits often tie. On a CPU an argmax takes ten times as long as the highest values,
    so only rows with a tie get one.
    """
    if logits_NV.device.type != "cpu":
        return logits_NV.argmax(1) == goal_N
    hit_N = goal_logit_N >= top_N
    without_NV = logits_NV.scatter_(1, goal_N[:, None], -torch.inf)
    tied = (hit_N & (without_NV.amax(1) >= top_N)).nonzero()[:, 0]
    logits_NV.scatter_(1, goal_N[:, None], goal_logit_N[:, None])
    hit_N[tied] = logits_NV[tied].argmax(1) == goal_N[tied]
    return hit_N


class _Chunked(torch.autograd.Function):
    """Makes the gradients in the forward pass, while a chunk's probabilities are at hand."""

    @staticmethod
    def forward(ctx, hidden_NH, weight_VH, bias_V, targets_N, learns):
        device, vocabulary = hidden_NH.device.type, len(weight_VH)
        mixed = torch.is_autocast_enabled(device)
        dtype = torch.get_autocast_dtype(device) if mixed else hidden_NH.dtype
        inputs, weight = hidden_NH.to(dtype), weight_VH.to(dtype)
        bias = None if bias_V is None else bias_V.to(dtype)
        wanted = [learns and need for need in ctx.needs_input_grad[:3]]
        grads: list[Tensor | None] = [
            torch.zeros_like(t, dtype=t.dtype if number == 0 else torch.float32) if want else None
            for number, (t, want) in enumerate(
                zip((hidden_NH, weight_VH, bias_V), wanted, strict=True)
            )
        ]
        loss = hidden_NH.new_zeros((), dtype=torch.float32)
        right = torch.zeros((), dtype=torch.int64, device=hidden_NH.device)
        step = _STEP.get(device, 1)
        rows = max(1, _ENTRIES.get(device, _ENTRIES_ELSEWHERE) // vocabulary // step) * step
        rows = min(rows, -(-len(inputs) // step) * step)
        # Each chunk uses the same memory: to get it anew took a CPU a third of the time.
        logits_NV = torch.empty(rows, vocabulary, dtype=dtype, device=hidden_NH.device)
        made_VH = torch.empty_like(weight) if wanted[1] else None
        with torch.autocast(device, enabled=False):
            for start in range(0, len(inputs), max(1, rows)):
                part = slice(start, start + rows)
                count = len(targets_N[part])
                part_NH = pad_to_multiple(inputs[part])
                goal_N = functional.pad(targets_N[part], (0, len(part_NH) - count))
                p_NV = logits_NV[: len(part_NH)]
                if bias is None:
                    torch.mm(part_NH, weight.T, out=p_NV)
                else:
                    torch.addmm(bias, part_NH, weight.T, out=p_NV)
                top_N, goal_logit_N = p_NV.amax(1), p_NV.gather(1, goal_N[:, None])[:, 0]
                right += _is_argmax(p_NV, top_N, goal_N, goal_logit_N)[:count].sum()
                if any(wanted):
                    # One pass in place, in fp32 within. The sum of exponents is that of the highest
                    # logit over its probability, which does not underflow but is rounded.
                    torch.softmax(p_NV, 1, out=p_NV)
                    total_N = top_N.float() - p_NV.amax(1).float().log()
                else:
                    total_N = p_NV.float().logsumexp(1)
                loss += (total_N - goal_logit_N.float())[:count].sum()
                # The gradient of the logits is p - 1 at the target and p elsewhere.
                if (grad_NH := grads[0]) is not None:
                    grad_NH[part] = (p_NV @ weight - weight[goal_N])[:count]
                if (grad_VH := grads[1]) is not None:  # rows that were added are zeros
                    grad_VH += torch.mm(p_NV.T, part_NH, out=made_VH)
                    grad_VH.index_add_(0, goal_N, part_NH.float(), alpha=-1)
                if (grad_V := grads[2]) is not None:
                    real_N1 = (torch.arange(len(p_NV), device=p_NV.device) < count)[:, None]
                    grad_V += (p_NV.T @ real_N1.to(dtype))[:, 0]  # a faster sum(0)
                    grad_V.index_add_(0, goal_N, real_N1[:, 0].float(), alpha=-1)
        ctx.grads = grads
        ctx.mark_non_differentiable(right)
        return loss, right

    @staticmethod
    def backward(ctx, grad, _):
        return *(None if made is None else made * grad for made in ctx.grads), None, None


def chunked_cross_entropy(
    hidden_NH: Tensor, weight_VH: Tensor, bias_V: Tensor | None, targets_N: Tensor
) -> tuple[Tensor, Tensor]:
    """Sum the cross-entropies of N tokens without the logits of all of them in memory.

    The result is that of ``functional.cross_entropy(hidden @ weight.T + bias, targets,
    reduction="sum")``, in the matrix precision of autocast and with fp32 sums. Logits take
    (chunk, V) in place of (N, V). Where gradients are wanted under autocast, a token's value is
    rounded by up to 0.004 either way: the gradients are of probabilities of that precision anyhow.
    Without gradients it is exact.

    Args:
        hidden_NH: Inputs of the output layer.
        weight_VH: Its matrix.
        bias_V: Its bias, or None.
        targets_N: The right tokens, int64.

    Returns:
        The sum, and the number of tokens whose logit is the highest.
    """
    # Inside a Function there is no telling whether anybody will ask for gradients.
    return _Chunked.apply(hidden_NH, weight_VH, bias_V, targets_N, torch.is_grad_enabled())
