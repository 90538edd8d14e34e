"""Tests leave the environment as they found it, whatever the scope of the fixture that changed it.

Otherwise a command line of a later file is no fork, which takes seconds, or has another's variable.
"""

import pytest

FIRST = """
import os, pytest
@pytest.fixture(scope="SCOPE")
def compiled():
    os.environ["TORCH_LEFT_BEHIND"] = "1"
def test_of_the_first_file(compiled):
    os.environ["LEFT_BEHIND"] = "1"
    assert "TORCH_LEFT_BEHIND" in os.environ
"""
SECOND = """
import os
def test_of_the_second_file():
    assert not [name for name in os.environ if name.endswith("LEFT_BEHIND")]
"""


@pytest.mark.parametrize("scope", ["module", "session"])
def test_the_next_file_has_the_variables_of_the_first(scope, tmp_path):
    (tmp_path / "test_first.py").write_text(FIRST.replace("SCOPE", scope))
    (tmp_path / "test_second.py").write_text(SECOND)
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    alone = ["-q", "-p", "tests.conftest", "-p", "no:cacheprovider", "-p", "no:xdist"]
    alone += ["--import-mode", "importlib"]
    assert pytest.main([*alone, f"--rootdir={tmp_path}", str(tmp_path)]) == 0
