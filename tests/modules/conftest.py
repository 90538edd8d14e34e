"""Strategies that cannot take a backbone, such as BitFit one without biases."""

import functools

import pytest

from tests import tiny


@functools.cache
def refusal(strategy: type, backbone: str) -> str | None:
    """The line with which the strategy refuses this backbone, None if it takes it."""
    try:
        tiny.make(strategy, backbone)
    except ValueError as error:
        if str(error).startswith(f"--model {strategy.__name__}: "):
            return str(error)
        raise
    return None


@pytest.fixture(autouse=True)
def _only_what_fits(request) -> None:
    """Skip a refused pair; finetuning/test_contract.py says which pairs those are."""
    if {"strategy", "backbone"} <= set(request.fixturenames):
        pair = [request.getfixturevalue(name) for name in ("strategy", "backbone")]
        if reason := refusal(*pair):
            pytest.skip(reason)


@pytest.fixture
def nothing_known(tmp_path, monkeypatch) -> None:
    """A cache of its own: no network's self-check is remembered from another test."""
    monkeypatch.setenv("PRETUNE_CACHE", str(tmp_path / "cache"))
