"""How the vectors of an exported network are made, for other programs to read."""

import json
from pathlib import Path

from transformers import AutoConfig

_NAMES = {"mean": "mean_tokens", "first": "cls_token", "last": "lasttoken"}
_PARTS = ("Transformer", "Pooling", "Normalize")
_HOW = """
import torch
from transformers import AutoModel, AutoTokenizer
tokenizer = AutoTokenizer.from_pretrained(".", padding_side="right")
inputs = tokenizer(["a gripping film"], padding=True, truncation=True, return_tensors="pt")
with torch.no_grad():
    hidden = AutoModel.from_pretrained(".")(**inputs).last_hidden_state  # (texts, tokens, columns)
mask = inputs["attention_mask"][..., None].float()
vectors = {vectors}
vectors = torch.nn.functional.normalize(vectors, dim=1)"""
_VECTORS = {
    "mean": "(hidden * mask).sum(1) / mask.sum(1)",
    "first": "hidden[:, 0]",
    "last": "hidden[torch.arange(len(hidden)), inputs['attention_mask'].sum(1) - 1]",
}


def write_pooling(folder: Path, pooling: str) -> None:
    """Write the files by which sentence-transformers pools what an exported network gives.

    Args:
        folder: The folder of the network, with its ``config.json``.
        pooling: mean, first or last.
    """
    columns = AutoConfig.from_pretrained(folder).get_text_config().hidden_size
    chosen = {f"pooling_mode_{name}": key == pooling for key, name in _NAMES.items()}
    (folder / "1_Pooling").mkdir()
    (folder / "2_Normalize").mkdir()
    made = {"word_embedding_dimension": columns, **chosen}
    _write(folder / "1_Pooling" / "config.json", made)
    parts = [
        {
            "idx": number,
            "name": str(number),
            "path": f"{number}_{name}" if number else "",
            "type": f"sentence_transformers.models.{name}",
        }
        for number, name in enumerate(_PARTS)
    ]
    _write(folder / "modules.json", parts)


def how_to_pool(pooling: str) -> str:
    """Return lines of Python that make vectors with an exported network, run in its folder."""
    return _HOW.format(vectors=_VECTORS[pooling]).strip()


def _write(file: Path, value: object) -> None:
    file.write_text(json.dumps(value, indent=2) + "\n", encoding="utf-8")
