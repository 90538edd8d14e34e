"""A backbone that cannot be found is said at once, with or without a network."""

import pytest

from datamodules import reachability
from modules import backbone_files


def test_a_misspelt_name_without_a_network_asks_the_hub_once(monkeypatch, tmp_path):
    import huggingface_hub
    from huggingface_hub.errors import LocalEntryNotFoundError

    asked = []

    def download(repo, file, local_files_only=False):
        asked.append(local_files_only)
        raise LocalEntryNotFoundError("not in the cache")

    monkeypatch.setattr(reachability, "reachable", lambda: False)
    monkeypatch.setattr(huggingface_hub, "hf_hub_download", download)
    with pytest.raises(ValueError, match="and the hub does not answer; did you mean minilm"):
        backbone_files.resolve("minilmm")
    assert asked == [True]
