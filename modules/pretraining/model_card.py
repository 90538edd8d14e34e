"""The export of a pre-trained network: a folder for ``from_pretrained``, with a model card."""

from pathlib import Path
from typing import Any

from tokenizers.processors import TemplateProcessing
from transformers.utils.logging import disable_progress_bar

from modules import card
from modules.backbones import context_length
from modules.pretraining.base import PretrainingModule

_CARD = """{front}# {objective} on {origin}

Run this in the folder, which may lie anywhere:

```python
from transformers import AutoTokenizer, {auto}
tokenizer = AutoTokenizer.from_pretrained(".")
model = {auto}.from_pretrained(".")
```

Fine-tune it with `--model.backbone PATH`, the path of this folder.
{sections}
{source}: it repeats what is in it, mistakes and prejudices included, and nobody has tested it for
any use.
"""
_NEW = "Pre-trained by Pretune on the named corpus alone"
_CONTINUED = (
    "It began from the weights of {name}, and read the named corpus on top of what they had"
)
_PIPELINES = {"CausalLM": "text-generation", "LMHead": "text-generation", "MaskedLM": "fill-mask"}


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
    began = _name(module.hparams["backbone"] or "")
    objective, auto = type(module).__name__, type(model).__name__
    told = {
        "objective": objective,
        "began from": began or module.origin,
        "parameters": f"{sum(p.numel() for p in model.parameters()):,}",
    }
    longest = context_length(model)
    sections = card.results(facts) + card.data(facts) + card.training(told, facts)
    pipeline = next((p for end, p in _PIPELINES.items() if end in auto), "feature-extraction")
    name = f"{objective} on {_name(facts.get('data', {}).get('origin', 'unknown'))}"
    text = _CARD.format(
        front=card.front_matter(name, pipeline, "transformers", began, [objective], facts),
        objective=objective,
        origin=card.plain(_name(facts.get("data", {}).get("origin", "a corpus"))),
        auto=auto,
        sections=sections + card.limits(facts, longest),
        source=_CONTINUED.format(name=card.plain(began)) if began else _NEW,
    )
    (scratch / "README.md").write_text(text, encoding="utf-8")


def _name(origin: str) -> str:
    """Return the name of a folder or file without its path, which is of this machine alone."""
    place = Path(origin).expanduser()
    if not (place.is_absolute() or place.is_dir()):
        return origin
    return f"{place.parent.name}/export" if place.name == "export" else place.name


def _framing_tokenizer(module: PretrainingModule) -> Any:
    """Return the tokenizer, which puts around a text what stood around the rows in training."""
    tokenizer = module.tokenizer
    if tokenizer.num_special_tokens_to_add():
        return tokenizer
    if module.add_special_tokens:
        first, last = tokenizer.cls_token, tokenizer.sep_token
        single, pair = f"{first} $A {last}", f"{first} $A {last} $B:1 {last}:1"
    elif module.model.config.is_encoder_decoder:  # whose rows all ended so
        first = last = tokenizer.eos_token
        single, pair = f"$A {last}", f"$A {last} $B {last}"
    else:
        return tokenizer
    tokenizer.backend_tokenizer.post_processor = TemplateProcessing(
        single=single,
        pair=pair,
        special_tokens=[(t, tokenizer.convert_tokens_to_ids(t)) for t in (first, last)],
    )
    return tokenizer
