"""The check that the folder of an export is whole."""

import json
from pathlib import Path

import transformers

from modules.exported import MODULE_FILE
from modules.loading import load


def check_complete(folder: Path) -> None:
    """Open an export, a folder of transformers or an adapter of peft, as a user would.

    Raises:
        ValueError: If something is missing, cut off or broken.
    """
    import peft

    if (folder / MODULE_FILE).is_file():
        load(folder)
        return
    try:
        if (folder / "adapter_config.json").is_file():
            peft.PeftConfig.from_pretrained(str(folder))
            peft.load_peft_weights(str(folder), device="cpu")
            return
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        auto = getattr(transformers, (config.get("architectures") or ["AutoModel"])[0])
        transformers.AutoTokenizer.from_pretrained(folder)
        _, found = auto.from_pretrained(folder, output_loading_info=True)
    except Exception as error:  # the libraries have many types for a broken file
        reason = str(error).strip().partition("\n")[0] or type(error).__name__
        raise ValueError(f"{folder}: cannot be read ({reason}): it may be half written") from error
    if lacking := sorted(found["missing_keys"]):
        raise ValueError(f"{folder}: its weights lack {lacking[0]}: it may be half written")
