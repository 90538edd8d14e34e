"""The export of a pre-trained network: a folder for ``from_pretrained``, with a model card."""

from pathlib import Path
from typing import Any

from tokenizers.processors import TemplateProcessing
from transformers.utils.logging import disable_progress_bar

from modules.pretraining.base import PretrainingModule

_CARD = """# {objective} on {origin}

Run this in the folder, which may lie anywhere:

```python
from transformers import AutoTokenizer, {auto}
tokenizer = AutoTokenizer.from_pretrained(".")
model = {auto}.from_pretrained(".")
```

Fine-tune it with `--model.backbone PATH`, the path of this folder.

| | |
|---|---|
{facts}

Pre-trained by Pretune on the named corpus alone: it repeats what is in it, mistakes and prejudices
included, and nobody has tested it for any use.
"""


def save_pretrained(module: PretrainingModule, scratch: Path, facts: dict[str, Any]) -> None:
    """Write network, tokenizer and model card.

    Args:
        module: The trained objective.
        scratch: The folder to write into.
        facts: What the card says of the run: data, metrics, tokens, git_commit.
    """
    model = module.export_model()
    disable_progress_bar()
    model.save_pretrained(scratch)
    _framing_tokenizer(module).save_pretrained(scratch)
    data, metrics = facts.get("data", {}), facts.get("metrics", {})
    rows = {
        "corpus": _name(data.get("origin", "unknown")),
        "corpus fingerprint": data.get("fingerprint", "unknown"),
        "tokens seen": f"{facts.get('tokens', 0):,}",
        "parameters": f"{sum(p.numel() for p in model.parameters()):,}",
        "commit": facts.get("git_commit") or "unknown",
        **{name: f"{value:.4f}" for name, value in sorted(metrics.items())},
    }
    text = _CARD.format(
        objective=type(module).__name__,
        origin=_name(module.origin),
        auto=type(model).__name__,
        facts="\n".join(f"| {name} | {value} |" for name, value in rows.items()),
    )
    (scratch / "README.md").write_text(text, encoding="utf-8")


def _name(origin: str) -> str:
    """Return the name of a folder or file without its path, which is of this machine alone."""
    return Path(origin).name if Path(origin).is_absolute() else origin


def _framing_tokenizer(module: PretrainingModule) -> Any:
    """Return the tokenizer, which puts around a text what stood around the rows in training."""
    tokenizer = module.tokenizer
    if module.add_special_tokens and not tokenizer.num_special_tokens_to_add():
        first, last = tokenizer.cls_token, tokenizer.sep_token
        ids = [(token, tokenizer.convert_tokens_to_ids(token)) for token in (first, last)]
        tokenizer.backend_tokenizer.post_processor = TemplateProcessing(
            single=f"{first} $A {last}",
            pair=f"{first} $A {last} $B:1 {last}:1",
            special_tokens=ids,
        )
    return tokenizer
