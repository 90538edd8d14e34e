import pytest

from tests import stories


@pytest.fixture(scope="session")
def path(tmp_path_factory) -> str:
    """The folder of a small corpus."""
    return stories.write(tmp_path_factory.mktemp("stories"))
