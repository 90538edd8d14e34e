"""Tools whose reader goes, as `| head` does: nothing is said, and the exit code is the shell's."""

import subprocess
import sys
from collections.abc import Callable

import pytest

from tests.experiments import forking, running

HERE = str(running.ROOT)
CODE = "import sys; sys.argv = ['pretune', *sys.argv[1:]]; from experiments.tools import console; "
CODE += "console.main()"


def into_a_reader_that_goes(
    words: list[str], folder, cache, begin: Callable[..., subprocess.Popen] = subprocess.Popen
) -> tuple[int, bytes]:
    environment = running.environment(cache) | {"PYTHONPATH": HERE}
    process = begin(
        [sys.executable, "-c", CODE, *words],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    process.stdout.close()  # before a line was written
    said = process.stderr.read()
    return process.wait(60), said


@pytest.mark.parametrize("words", [["--help"], ["plan", "--help"]], ids=["tools", "tool"])
def test_help(tmp_path, session_cache, words):
    assert into_a_reader_that_goes(words, tmp_path, session_cache) == (141, b"")


@pytest.mark.slow
def test_tables(folder, bert, session_cache):
    assert running.call(running.flags(bert, tracked=True), folder, session_cache)[0] == 0
    (folder / "new.txt").write_text("a gripping film\n", encoding="utf-8")
    words_of = [["lineage", "last"], ["plan", "--tokens", "1e9"], ["predict", "last", "new.txt"]]
    for words in words_of:
        ended = into_a_reader_that_goes(words, folder, session_cache, forking.start)
        assert ended == (141, b""), words
