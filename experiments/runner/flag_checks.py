"""Checks of flags before their values are parsed: unknown ones, linked ones, too few values."""

from collections.abc import Mapping

from experiments.runner import part_flags, unknown_flags
from experiments.runner.choosing import Choice
from experiments.runner.given_flags import Given, above
from experiments.runner.messages import as_typed, expected
from experiments.runner.unknown_flags import Names


def check(given: Given, choice: Choice, links: Mapping[str, str]) -> None:
    """Refuses a flag that is linked or unknown, has no value, or has too many.

    Args:
        given: The flag.
        choice: What the command line chooses.
        links: The flags that follow others, with the words for these.

    Raises:
        ValueError: If the flag is refused.
    """
    name, values, flag = given.flag, given.values, choice.known.get(given.flag)
    if name in links:
        if not given.file:  # a run's own file names every setting
            raise ValueError(f"{given}: follows {links[name]}; set that instead")
    elif flag is None:
        # Inside a value that is no chosen class, such as a callback, jsonargparse knows.
        outer = [choice.known.get(one) for one in above(name) if one[2:] not in choice.chosen]
        if not any(one and one.words is not None for one in outer):
            chosen = {key: kind.name for key, kind in choice.chosen.items()}
            raise ValueError(
                unknown_flags.error(given, Names(choice.known, chosen, choice.flags_of))
            )
    elif not given.file and not values and flag.nargs in (None, "+"):
        takes = f", {expected(flag)}" if flag.words is not None else ""
        raise ValueError(f"{name}: needs a value{takes}")
    elif len(values) > {None: 1, "?": 1, 0: 0}.get(flag.nargs, len(values)):
        last = as_typed(values[-1])
        raise ValueError(f"{name}: one value too many, {last}; quote what has spaces")
    elif name[2:] not in choice.chosen:
        part_flags.check(given, flag, choice.library)
