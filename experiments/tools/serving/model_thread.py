"""One thread that runs the model: requests that arrive together are predicted together."""

import queue
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any

from modules.inference import Predictions


class Busy(Exception):
    """Too many requests wait."""


@dataclass(frozen=True)
class _Job:
    """A request that waits.

    Attributes:
        future: What the request waits for.
        texts: Its texts; empty if it is a call.
        cost: The estimated tokens of its texts.
        settings: Arguments of ``predict``; requests share a call only if theirs are equal.
        call: The call to make in place of a prediction.
    """

    future: Future[Any]
    texts: Sequence[Any] = ()
    cost: int = 0
    settings: dict[str, Any] = field(default_factory=dict)
    call: Callable[[], Any] | None = None


class ModelThread:
    """Runs the model for all requests, one call at a time.

    Args:
        predict: Predicts a list of texts, with settings by name.
        budget: The estimated tokens up to which requests share a call.
        patience: Seconds that the first request waits for others.
        most: Requests that may wait.
    """

    def __init__(
        self,
        predict: Callable[..., Predictions],
        budget: int,
        patience: float = 0.005,
        most: int = 256,
    ) -> None:
        self._predict, self._budget, self._patience = predict, budget, patience
        self._queue: queue.Queue[_Job] = queue.Queue(most)
        self._next: _Job | None = None  # it did not fit into the last call
        threading.Thread(target=self._work, name="model", daemon=True).start()

    @property
    def waiting(self) -> int:
        """The number of requests that wait."""
        return self._queue.qsize()

    def predict(self, texts: Sequence[Any], cost: int, settings: dict[str, Any]) -> Future[Any]:
        """Predicts texts; the future holds their ``Predictions``.

        Raises:
            Busy: If too many requests wait.
        """
        return self._put(_Job(Future(), texts, cost, settings))

    def call(self, function: Callable[[], Any]) -> Future[Any]:
        """Calls a function between two predictions; the future holds its result.

        Raises:
            Busy: If too many requests wait.
        """
        return self._put(_Job(Future(), call=function))

    def _put(self, job: _Job) -> Future[Any]:
        try:
            self._queue.put_nowait(job)
        except queue.Full:
            raise Busy from None
        return job.future

    def _work(self) -> None:
        while True:
            jobs = [job for job in self._collect() if job.future.set_running_or_notify_cancel()]
            if len(jobs) > 1 and self._run(jobs, last=False):
                continue
            for job in jobs:  # alone, so that one that fails harms no other
                self._run([job], last=True)

    def _collect(self) -> list[_Job]:
        """Waits for a request, and takes those that arrive with it as far as the budget goes."""
        first = self._next or self._queue.get()
        self._next = None
        jobs, cost, end = [first], first.cost, time.monotonic() + self._patience
        while first.call is None:
            try:
                job = self._queue.get(timeout=max(0.0, end - time.monotonic()))
            except queue.Empty:
                break
            cost += job.cost
            if job.call or cost > self._budget or job.settings != first.settings:
                self._next = job
                break
            jobs.append(job)
        return jobs

    def _run(self, jobs: list[_Job], last: bool) -> bool:
        """Runs requests in one call; returns whether it succeeded.

        Args:
            jobs: The requests.
            last: Whether an error is the answer.
        """
        try:
            if jobs[0].call:
                jobs[0].future.set_result(jobs[0].call())
                return True
            texts = [text for job in jobs for text in job.texts]
            found = self._predict(texts, **jobs[0].settings)
        except Exception as error:
            if last:
                jobs[0].future.set_exception(error)
            return False
        start = 0
        for job in jobs:
            part = slice(start, start := start + len(job.texts))
            chances = None if found.probabilities is None else found.probabilities[part]
            own = Predictions(found.values[part], chances, found.truncated[part])
            job.future.set_result(own)
        return True
