"""A parameter of a sweep file: draws or lists the values of W&B's distributions.

The names, their bounds and their defaults are those of W&B's sweep configuration
(docs.wandb.ai/models/sweeps/sweep-config-keys).
"""

import math
from dataclasses import dataclass
from random import Random
from typing import Any

from datamodules.spelling import did_you_mean

# The settings that each distribution needs.
NEEDS: dict[str, tuple[str, ...]] = {
    "constant": ("value",),
    "categorical": ("values",),
    "int_uniform": ("min", "max"),
    "uniform": ("min", "max"),
    "q_uniform": ("min", "max"),
    "log_uniform": ("min", "max"),
    "log_uniform_values": ("min", "max"),
    "q_log_uniform": ("min", "max"),
    "q_log_uniform_values": ("min", "max"),
    "inv_log_uniform": ("min", "max"),
    "inv_log_uniform_values": ("min", "max"),
    "normal": (),
    "q_normal": (),
    "log_normal": (),
    "q_log_normal": (),
    "beta": (),
    "q_beta": (),
}
_DEFAULTS = {"normal": {"mu": 0.0, "sigma": 1.0}, "beta": {"a": 1.0, "b": 1.0}}


@dataclass(frozen=True)
class Parameter:
    """A flag and the distribution of its values.

    Attributes:
        name: The flag, without its dashes.
        distribution: The name of the distribution.
        settings: All settings of the distribution: bounds, mu, sigma, q and the like.
    """

    name: str
    distribution: str
    settings: dict[str, Any]

    @classmethod
    def read(cls, name: str, said: Any) -> "Parameter":
        """Reads a parameter from its lines in the file.

        Raises:
            ValueError: If the lines are not a parameter; the message names the line.
        """
        lead = f"parameters.{name}"
        if not isinstance(said, dict):
            raise ValueError(f"{lead}: give it value, values, or min and max")
        if "parameters" in said:
            raise ValueError(f"{lead}: nested parameters are written with dots, as {name}.rank")
        said = dict(said)
        kind = said.pop("distribution", None) or _meant(lead, said)
        if kind == "categorical_w_probabilities":  # an older name
            kind = "categorical"
        if kind not in NEEDS:
            hint = did_you_mean(kind, NEEDS) or f"; there are {', '.join(NEEDS)}"
            raise ValueError(f"{lead}.distribution: {kind} is not known{hint}")
        settings = {}
        for family, defaults in _DEFAULTS.items():
            settings |= defaults if kind.endswith(family) else {}
        settings |= {"q": 1} if kind.startswith("q_") else {}
        allowed = {*NEEDS[kind], *settings, *(["probabilities"] if kind == "categorical" else [])}
        for key in NEEDS[kind]:
            if key not in said:
                raise ValueError(f"{lead}: {kind} needs {key}")
        for key in said:
            if key not in allowed:
                raise ValueError(f"{lead}.{key}: {kind} takes {', '.join(sorted(allowed))}")
        made = cls(name, kind, settings | said)
        made._check(lead)
        return made

    def _check(self, lead: str) -> None:
        told = self.settings
        numbers = [key for key in told if key not in ("value", "values", "probabilities")]
        for key in numbers:
            if isinstance(told[key], bool) or not isinstance(told[key], (int, float)):
                # YAML takes 1e-4 for a text: it wants 1.0e-4.
                raise ValueError(f"{lead}.{key}: {told[key]} is not a number (write 1.0e-4)")
        if "min" in told and not told["min"] < told["max"]:
            raise ValueError(f"{lead}: min {told['min']} is not below max {told['max']}")
        if self.distribution.endswith("_values") and told["min"] <= 0:
            raise ValueError(f"{lead}.min: {told['min']} has no logarithm")
        for key in ("q", "sigma", "a", "b"):
            if told.get(key, 1) <= 0:
                raise ValueError(f"{lead}.{key}: {told[key]} is not above 0")
        if self.distribution == "int_uniform" and not _whole(told["min"], told["max"]):
            raise ValueError(f"{lead}: int_uniform takes whole numbers")
        if self.distribution == "categorical":
            if not isinstance(told["values"], list) or not told["values"]:
                raise ValueError(f"{lead}.values: give a list")
            shares = told.get("probabilities")
            if shares is not None and not _shares(shares, len(told["values"])):
                raise ValueError(f"{lead}.probabilities: one for each value, 1 in all")

    @property
    def varies(self) -> bool:
        return self.distribution != "constant"

    def listed(self) -> list[Any] | None:
        """All values of the parameter; None if they cannot be listed."""
        if self.distribution == "constant":
            return [self.settings["value"]]
        if self.distribution == "int_uniform":
            return list(range(self.settings["min"], self.settings["max"] + 1))
        return self.settings.get("values")

    def draw(self, random: Random) -> Any:
        """Draws a value; a quantised value is a whole number if q is one."""
        told, kind = self.settings, self.distribution.removeprefix("q_")
        if kind == "constant":
            return told["value"]
        if kind == "categorical":
            return random.choices(told["values"], told.get("probabilities"))[0]
        if kind == "int_uniform":
            return random.randint(told["min"], told["max"])
        if kind.endswith("normal"):
            value = random.gauss(told["mu"], told["sigma"])
            value = math.exp(value) if kind == "log_normal" else value
        elif kind == "beta":
            value = random.betavariate(told["a"], told["b"])
        elif kind == "uniform":
            value = random.uniform(told["min"], told["max"])
        elif kind == "inv_log_uniform":  # log 1/x is uniform between the bounds
            value = math.exp(-random.uniform(told["min"], told["max"]))
        elif kind == "log_uniform":  # the bounds are exponents
            value = math.exp(random.uniform(told["min"], told["max"]))
        else:  # between the bounds, log x is uniform, and so is log 1/x
            value = math.exp(random.uniform(math.log(told["min"]), math.log(told["max"])))
            value = min(max(value, told["min"]), told["max"])
        return self._quantised(value)

    def _quantised(self, value: float) -> float | int:
        if "q" not in self.settings:
            return value
        q = self.settings["q"]
        steps = round(value / q)
        return steps * q if isinstance(q, int) else float(f"{steps * q:.12g}")


def _shares(given: Any, count: int) -> bool:
    """Whether so many shares are given, 1 in all."""
    numbers = isinstance(given, list) and all(isinstance(one, (int, float)) for one in given)
    return numbers and len(given) == count and math.isclose(sum(given), 1) and min(given) >= 0


def _whole(*values: Any) -> bool:
    return all(isinstance(value, int) and not isinstance(value, bool) for value in values)


def _meant(lead: str, said: dict[str, Any]) -> str:
    """The distribution that W&B infers if none is named."""
    if "value" in said:
        return "constant"
    if "values" in said:
        return "categorical"
    if "min" in said and "max" in said:
        return "int_uniform" if _whole(said["min"], said["max"]) else "uniform"
    raise ValueError(f"{lead}: give it value, values, min and max, or a distribution")
