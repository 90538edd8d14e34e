"""What is said of a plain value without the types is what jsonargparse does with it."""

from typing import Literal

import pytest
from jsonargparse import ArgumentParser
from jsonargparse.typing import ClosedUnitInterval, OpenUnitInterval, PositiveFloat, PositiveInt

from experiments.runner import classes, plain_values
from experiments.runner.given_flags import Given

TYPES = [int, float, bool, str, int | None, float | None, int | float | None, bool | None]
TYPES += [PositiveInt, PositiveInt | None, PositiveFloat, ClosedUnitInterval, OpenUnitInterval]
TYPES += [Literal["linear", "cosine"], Literal["all"] | PositiveInt, Literal[16, 32, "bf16"] | None]
TYPES += [int | bool, list[int], dict, list[str] | str | None, int | str]
VALUES = "two Two -1 0 1 3 2.0 2.5 1e3 1e-3 -0.5 nan inf true False yes null None linear LINEAR"
VALUES += " linea all 16 17 bf16 [1] {a:1} x/y ~ 007 1_000 0x10 .5 -.5 1. +3 on off y a-b"
CERTAIN = {("two", int): True, ("2.5", int): True, ("-1", PositiveInt): True, ("3", int): False}
CERTAIN |= {("linea", TYPES[13]): True, ("1e-3", float): False, ("linear", TYPES[13]): False}


@pytest.mark.parametrize("hint", TYPES, ids=str)
def test_a_verdict_is_jsonargparses(hint):
    parser = ArgumentParser(exit_on_error=False)
    parser.add_argument("--flag", type=hint)
    flag = classes.flag(parser._option_string_actions["--flag"])
    for value in VALUES.split():
        verdict = plain_values.is_wrong(Given("--flag", [value], []), flag)
        try:
            parser.parse_args([f"--flag={value}"])
            refused = False
        except Exception:
            refused = True
        assert verdict in (None, refused), value
        assert verdict is CERTAIN.get((value, hint), verdict), value
