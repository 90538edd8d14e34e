"""Folders that people give for a backbone and that hold none."""

import json
from pathlib import Path


def no_backbone(folder: Path) -> str:
    """Return the reason for which a folder holds no whole network; empty if it does."""
    adapter, made = folder / "adapter_config.json", folder / "module.json"
    if adapter.is_file() or (made.is_file() and not (folder / "config.json").is_file()):
        try:
            known = json.loads((made if made.is_file() else adapter).read_text(encoding="utf-8"))
            base = known.get("base_model_name_or_path") or known["backbone"]["name"]
        except (ValueError, KeyError, TypeError):  # a broken file
            base = "a network"
        return f"an adapter of {base}, and no whole network; merge them: `pretune merge {folder}`"
    if (folder / "config.json").is_file():
        return ""
    if (folder / "export").is_dir():
        return f"a run; give its export, {folder / 'export'}"
    return "that folder holds no config.json"
