"""Classes in files of the user's own, by name: ``package.MyClass`` or ``./file.py:MyClass``.

Both are found from the current folder. Checkpoints and exports name such a class in the same way.
"""

import importlib
import importlib.util
import os
import re
import sys
import traceback
from pathlib import Path
from types import ModuleType

from datamodules.spelling import CLASS_FORMS, CLASS_IN_FILE, did_you_mean

_from_files: dict[Path, ModuleType] = {}


def find_class(text: str) -> type:
    """Import a class of the user's own, or of any package.

    Raises:
        ValueError: If there is no such file, package or class, or importing it fails; one line
            that begins with ``text``.
    """
    if named := CLASS_IN_FILE.fullmatch(text):
        module, name = _import_file(text, Path(named["file"]).expanduser()), named["name"]
    elif text.endswith(".py"):
        own = _defined(_import_file(text, Path(text).expanduser()))
        raise ValueError(f"{text}: name its class, too: {text}:{own[0] if own else 'MyClass'}")
    elif re.fullmatch(r"[^\W\d]\w*(\.\w+)+", text):
        place, _, name = text.rpartition(".")
        module = _import_module(text, place)
    else:
        raise ValueError(f"{text}: not the name of a class, which is {CLASS_FORMS}")
    found = getattr(module, name, None)
    if isinstance(found, type):
        return found
    hint = did_you_mean(name, [n for n, v in vars(module).items() if isinstance(v, type)]) or ";"
    there = f"it has {', '.join(own)}" if (own := _defined(module)) else "it defines no class"
    raise ValueError(f"{text}: there is no class {name}{hint} {there}")


def reference(cls: type) -> str:
    """Return the text that finds the class again in another process: its name if it is ours.

    A class of a notebook has its name alone, and whoever reads it must define it before.
    """
    module = sys.modules.get(cls.__module__)
    top, file = cls.__module__.partition(".")[0], getattr(module, "__file__", None)
    if top == "modules":
        return cls.__name__
    spec = getattr(module, "__spec__", None)
    if top != "__main__" and module not in _from_files.values():
        return f"{cls.__module__}.{cls.__qualname__}"
    if top == "__main__" and spec is not None:  # of python -m package.file
        return f"{spec.name}.{cls.__qualname__}"
    return f"{os.path.relpath(file)}:{cls.__qualname__}" if file else cls.__name__


def _defined(module: ModuleType) -> list[str]:
    """The names of the classes that a module defines itself."""
    items = vars(module).items()
    return [n for n, v in items if isinstance(v, type) and v.__module__ == module.__name__]


def _import_file(text: str, file: Path) -> ModuleType:
    place = file.resolve()
    if not place.is_file():
        raise ValueError(f"{text}: there is no file {file} in {Path.cwd()}")
    main = sys.modules["__main__"]
    for module in (*_from_files.values(), main, *list(sys.modules.values())):
        if (known := getattr(module, "__file__", None)) and Path(known) == place:
            return module
    name = file.stem if file.stem.isidentifier() else "user_file"
    while _taken(name, place):
        name += "_"
    spec = importlib.util.spec_from_file_location(name, place)
    assert spec is not None and spec.loader is not None  # its name ends in .py
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    _add_to_path(place.parent)  # for what lies beside it
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        del sys.modules[name]
        raise ValueError(f"{text}: {_why(error, place)}") from error
    _from_files[place] = module
    return module


def _taken(name: str, place: Path) -> bool:
    """Tell whether a module's name is that of another file."""
    if name in sys.modules:
        return True
    found = importlib.util.find_spec(name)
    return found is not None and Path(found.origin or "").resolve() != place


def _import_module(text: str, name: str) -> ModuleType:
    _add_to_path(Path.cwd())
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is not None and f"{name}.".startswith(f"{error.name}."):
            raise ValueError(f"{text}: there is no module {error.name} in {Path.cwd()}") from None
        raise ValueError(f"{text}: {_why(error, None)}") from error
    except (Exception, SystemExit) as error:
        raise ValueError(f"{text}: {_why(error, None)}") from error


def _why(error: BaseException, file: Path | None) -> str:
    """The file and line whose import failed, and the error, in one line."""
    frames = [f for f in traceback.extract_tb(error.__traceback__) if "importlib" not in f.filename]
    inner = [f for f in frames if f.filename != __file__]
    place, line = (inner[-1].filename, inner[-1].lineno) if inner else (file, None)
    if isinstance(error, SyntaxError) and error.filename:
        place, line = error.filename, error.lineno
    at = f" at {os.path.relpath(place)}, line {line}" if place and line else ""
    message = next(iter(str(error).splitlines()), "").strip()
    return f"its import fails{at}: {type(error).__name__}" + (f": {message}" if message else "")


def _add_to_path(folder: Path) -> None:
    if str(folder) not in sys.path:
        sys.path.append(str(folder))
