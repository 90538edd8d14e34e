"""Command lines of Python as requests to fork: their words, place, variables and module path."""

import os
from pathlib import Path
from typing import Any

# Names, or beginnings of names, of variables that Python and the libraries read as they start.
EARLY = """HF_ HUGGINGFACE_ OMP_ MKL_ KMP_ TORCH TRANSFORMERS_ TOKENIZERS_ PYTORCH_ PYTHON LD_ LANG
    LC_ TZ""".split()
# Those of these beginnings that a fork heeds, as they are read later.
LATER = (
    *("PYTHONPATH", "PYTHONUNBUFFERED", "TOKENIZERS_PARALLELISM"),
    *("KMP_DUPLICATE_LIB_OK", "KMP_INIT_AT_FORK"),  # scikit-learn sets them as it is imported
    *("TORCHELASTIC_", "TORCHINDUCTOR_CACHE_DIR", "TORCH_NCCL_"),
)


def early(variables: dict[str, str]) -> dict[str, str]:
    """The variables that are read before a fork could set them."""
    return {
        name: value
        for name, value in variables.items()
        if name.startswith(tuple(EARLY)) and not name.startswith(LATER)
    }


def request(
    words: list[str], folder: Path, variables: dict[str, str], path: list[str], read: dict[str, str]
) -> dict[str, Any]:
    """What a fork must know to be ``python WORDS``.

    Args:
        words: A script, ``-m`` and a module, or ``-c`` and code; and what follows.
        folder: The working directory.
        variables: The environment.
        path: Where Python looks for modules, without a script's folder and PYTHONPATH.
        read: The variables of the process that forks that were read as it started.
    """
    places = {"-c": "", "-m": str(folder.absolute())}
    first = places.get(words[0], str((folder / words[0]).resolve().parent))
    more = [place for place in variables.get("PYTHONPATH", "").split(os.pathsep) if place]
    found: dict[str, Any] = {"words": words, "folder": str(folder.absolute())}
    found |= {"environment": variables, "path": [first, *more, *path]}
    return found | {"standard": path, "early": read}
