"""The clock of the parts of a training batch, and the lines that say what it has measured."""

import time
from collections import defaultdict
from collections.abc import Callable
from typing import Any

import torch
from lightning.pytorch.profilers import Profiler

PARTS = ("data", "corrupt", "forward", "backward", "optimizer", "logging", "callbacks", "Lightning")
_OPERATIONS = 10  # lines of the second table
# How the names of Lightning's actions end.
_ACTIONS = {
    "train_dataloader_next": "data",
    "batch_to_device": "data",
    "on_before_batch_transfer": "data",
    "transfer_batch_to_device": "data",
    "on_after_batch_transfer": "data",
    "training_step": "forward",
    "backward": "backward",
    "optimizer_step": "optimizer",
    "optimizer_zero_grad": "optimizer",
    "on_before_optimizer_step": "optimizer",
    "configure_gradient_clipping": "optimizer",
    "lr_scheduler_step": "optimizer",
}


def part_of(action: str) -> str:
    """Return the part that one of Lightning's actions belongs to."""
    if (last := action.rpartition(".")[2]) in _ACTIONS and not action.startswith("[Callback]"):
        return _ACTIONS[last]
    return "callbacks" if action.startswith(("[Callback]", "[LightningModule]")) else "Lightning"


class StepClock(Profiler):
    """Takes the place of the Trainer's profiler, hands all on to it, and times the parts.

    A part inside of another one counts for itself alone, so that the parts add up.

    Attributes:
        seconds: Wall and processor seconds of each part.
        batches: The number of batches that were timed.
        trace: The profiler of torch while it runs.
    """

    def __init__(self, inner: Profiler, device: torch.device, fetches: Callable[[], None]) -> None:
        super().__init__()
        self.inner, self.device, self.fetches = inner, device, fetches
        self.seconds: dict[str, list[float]] = defaultdict(lambda: [0.0, 0.0])
        self.batches = 0
        self.trace: torch.profiler.profile | None = None
        self.timed = False
        self._open: list[tuple[str, str, Any]] = []
        self._last = (0.0, 0.0)

    @property
    def inside(self) -> bool:
        """Whether a batch has begun and not ended."""
        return bool(self._open)

    def start(self, action_name: str) -> None:
        self.inner.start(action_name)
        if action_name.endswith("].train_dataloader_next"):
            self.fetches()  # the batch before is over
        self.begin(action_name, part_of(action_name))

    def stop(self, action_name: str) -> None:
        self.end(action_name)
        self.inner.stop(action_name)

    def begin(self, name: str, part: str, root: bool = False) -> None:
        """Begin a span; without an open batch only ``root`` does."""
        if not (self.inside or root):
            return
        self._mark()
        label: Any = None
        if self.trace is not None:
            label = torch.profiler.record_function(part)
            label.__enter__()
        self._open.append((name, part, label))

    def end(self, name: str) -> None:
        """End the span of this name, if it is the innermost one."""
        if self._open and self._open[-1][0] == name:
            self._mark()
            if (label := self._open.pop()[2]) is not None:
                label.__exit__(None, None, None)

    def end_batch(self) -> bool:
        """End all spans; return whether there was a batch."""
        there = self.inside
        while self._open:
            self.end(self._open[-1][0])
        self.batches += there and self.timed
        return there

    def _mark(self) -> None:
        """Give the time since the last mark to the innermost part."""
        if not self.timed:
            return
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)
        now = time.perf_counter(), time.process_time()
        if self._open:
            spent = self.seconds[self._open[-1][1]]
            spent[0] += now[0] - self._last[0]
            spent[1] += now[1] - self._last[1]
        self._last = now


def timed(clock: StepClock, method: Callable[..., Any], part: str) -> Callable[..., Any]:
    """Return a method that counts the time of its calls for a part."""

    def call(*args: Any, **settings: Any) -> Any:
        clock.begin(part, part)
        try:
            return method(*args, **settings)
        finally:
            clock.end(part)

    return call


def table(clock: StepClock) -> str:
    """Return the times of the parts of a batch as a table."""
    count = clock.batches
    whole = sum(wall for wall, _ in clock.seconds.values())
    lines = [f"time of a batch by part, mean of {count}", _line("part", "ms", "share", "processor")]
    used = 0.0
    for part in PARTS:
        wall, spent = clock.seconds[part]
        used += spent
        if wall:
            share = f"{100 * wall / whole:.1f} %"
            lines.append(_line(part, _ms(wall, count), share, f"{_ms(spent, count)} ms"))
    lines.append(_line("all", _ms(whole, count), "100.0 %", f"{_ms(used, count)} ms"))
    return "\n".join(lines)


def operations(trace: torch.profiler.profile, batches: int) -> str:
    """Return the operations that took most of the traced batches' time as a table."""
    found = [one for one in trace.key_averages() if not one.is_user_annotation]
    cuda = any(one.self_device_time_total for one in found)

    def spent(one: Any) -> float:
        return one.self_device_time_total if cuda else one.self_cpu_time_total

    whole = sum(map(spent, found)) or 1.0
    where = "device" if cuda else "processor"
    lines = [f"operations by time on the {where}, of {batches} traced batches"]
    lines.append(_line("operation", "ms", "share", "calls"))
    for one in sorted(found, key=spent, reverse=True)[:_OPERATIONS]:
        values = f"{spent(one) / 1000 / batches:.2f}", f"{100 * spent(one) / whole:.1f} %"
        lines.append(_line(one.key[:40], *values, f"{one.count / batches:.0f}"))
    return "\n".join(lines)


def _line(name: str, *values: str) -> str:
    return f"  {name:<40}" + "".join(f"{value:>12}" for value in values)


def _ms(seconds: float, count: int) -> str:
    return f"{1000 * seconds / max(1, count):.2f}"
