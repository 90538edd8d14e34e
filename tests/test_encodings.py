"""Text files are opened with an encoding: by default, Windows reads and writes cp1252."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FOLDERS = ["callbacks", "datamodules", "experiments", "modules"]
_MODE = re.compile(r"[rwax][bt+]{0,2}")


def without_encoding(source: str) -> Iterator[int]:
    """Yields the lines of the calls that open a text without an encoding."""
    for call in ast.walk(ast.parse(source)):
        if isinstance(call, ast.Call) and _opens_text(call):
            yield call.lineno


def _opens_text(call: ast.Call) -> bool:
    """Whether a call opens a text, and leaves its encoding to the machine."""
    if any(keyword.arg in ("encoding", None) for keyword in call.keywords):
        return False
    method = isinstance(call.func, ast.Attribute)
    name = call.func.attr if method else getattr(call.func, "id", "")
    if name in ("read_text", "write_text"):
        return method and len(call.args) <= (name == "write_text")  # one more is the encoding
    if name not in ("open", "fdopen", "NamedTemporaryFile"):
        return False
    given = [*call.args[:2], *(keyword.value for keyword in call.keywords if keyword.arg == "mode")]
    words = [str(word.value) for word in given if isinstance(word, ast.Constant)]
    modes = [word for word in words if _MODE.fullmatch(word)]
    owner = getattr(getattr(call.func, "value", None), "id", "")
    if owner in ("bz2", "gzip", "lzma"):
        return any("t" in mode for mode in modes)
    return not any("b" in mode for mode in modes) and bool(modes or not method)


def test_every_text_file_is_opened_with_an_encoding():
    found = [
        f"{path.relative_to(ROOT)}:{line}"
        for folder in FOLDERS
        for path in sorted((ROOT / folder).rglob("*.py"))
        for line in without_encoding(path.read_text(encoding="utf-8"))
    ]
    assert found == []


@pytest.mark.parametrize(
    "call",
    [
        "path.read_text()",
        "path.write_text(text)",
        "open(path)",
        "open(path, 'w', newline='')",
        "path.open('w')",
        "gzip.open(path, 'rt')",
        "os.fdopen(number, 'a')",
        "tempfile.NamedTemporaryFile('w')",
    ],
)
def test_a_call_without_an_encoding_is_found(call):
    assert list(without_encoding(call)) == [1]
    given = "encoding='utf-8')" if call.endswith("()") else ", encoding='utf-8')"
    assert not list(without_encoding(call[:-1] + given))


@pytest.mark.parametrize(
    "call",
    ["open(path, 'rb')", "path.open('rb')", "gzip.open(path)", "file.open()", "book.open(name)"],
)
def test_bytes_need_none(call):
    assert not list(without_encoding(call))
