"""The README of an export: lines that open it, and what the folder holds."""

import re
from pathlib import Path
from typing import Any, Literal

from datamodules import packaged
from datamodules.spelling import listed
from modules import card
from modules.backbones import unwrap
from modules.encoding import max_tokens
from modules.finetuning.base import FineTuningModule
from modules.finetuning.quantization import num_parameters
from modules.outputs import labels_of
from modules.tasks.base import Task

Kind = Literal["full", "adapter", "own", "own with encoder"]

_CARD = """{front}# {title}

Run this in the folder. It needs no other file, wherever the folder lies.

```python
{how}
```
{rest}"""
# What a row of these kinds is, for the example; of others a text, or two.
_ASKED: dict[str, tuple[str, str | list[str]]] = {
    "span": ("What is gripping?", "a gripping film"),
    "choice": ("What is gripping?", ["a film", "a nap"]),
}
_PRETUNE = """
With Pretune, from anywhere: `load("PATH").predict([{example}])`, after `from modules import load`;
or `pretune predict PATH FILE`.
"""
_OWN = """from modules import load  # of Pretune
module = load(".")
print(module.predict([{example}]))"""
_FULL = """from transformers import pipeline
print(pipeline({pipeline!r}, ".")({asked}))"""
_SEQ2SEQ = """from transformers import AutoModelForSeq2SeqLM, AutoTokenizer
tokenizer, model = AutoTokenizer.from_pretrained("."), AutoModelForSeq2SeqLM.from_pretrained(".")
ids = model.generate(**tokenizer({asked}, return_tensors="pt"))
print(tokenizer.decode(ids[0], skip_special_tokens=True))"""
_ADAPTER = """from peft import {peft_class}
model = {peft_class}.from_pretrained(".")"""
# Of masked language models peft has no class of its own.
_ADAPTER_ON_BASE = """from peft import PeftModel
from transformers import {auto_class}
model = PeftModel.from_pretrained({auto_class}.from_pretrained("base"), ".")"""
# transformers 5 has no pipeline for these.
_OPENED = """from transformers import {auto_class}, AutoTokenizer
model, tokenizer = (c.from_pretrained(".") for c in ({auto_class}, AutoTokenizer))"""
_ALONE = """
# One text at a time: behind a prompt, transformers reads the last place, padding or not."""
_ENCODER = """
from transformers import AutoModel
encoder = AutoModel.from_pretrained("encoder")  # without the head"""
_HEAD = """
The task's head is in the adapter whole (`modules_to_save`), which servers of adapters, such as
vLLM's, do not take: `pretune merge PATH` gives a folder that programs open without peft.
"""
_QUANTIZED = """
It was trained on weights in {bits}, and `load` and `pretune` quantise them again, with
bitsandbytes. On the full weights, as peft alone opens it, it predicts a little otherwise.
`pretune merge PATH` gives a folder with the weights that it was trained on, as plain numbers.
"""
_BASE = """
`base/` holds the backbone: config, tokenizer and all weights, {size:,.1f} MB. On the disk of the
training the weights are hard links, which take no room; a copy or a zip of the folder has them in
full. peft looks for `base` in the working folder. From elsewhere, load `PATH/base` first and give
it to `PeftModel.from_pretrained(base, "PATH")`.
"""

_REFERENCE = """
The folder holds what was trained, and names its backbone, {name}. `load` finds that again, from
{place}, and checks its weights. Where neither can be reached, give a folder with the
same weights: `load("PATH", backbone="FOLDER")`.
"""
_ENCODER_AND_HEAD = """
`encoder/` holds the encoder with its trained weights, and `head.safetensors` the head, which takes
the mean of the tokens. transformers has no class for such a head: `pipeline` cannot open it.
"""


def readme(
    module: FineTuningModule,
    model: Any,
    kind: Kind,
    tokenizer: Any,
    base: Path,
    facts: dict[str, Any],
) -> str:
    """Write the README of an export, which is its model card.

    Args:
        module: The module.
        model: The model that was written.
        kind: The format of the folder.
        tokenizer: The tokenizer in it.
        base: Its folder of the backbone, if it has one.
        facts: Of the run: name, data, metrics, report, training and others; empty outside a run.
    """
    import peft

    task, auto = module.task, _opening_class(module.task, model)
    peft_class = auto.replace("AutoModel", "AutoPeftModel")
    text, other = _ASKED.get(task.label_kind, ("a gripping film", "a moving one"))
    if task.pipeline == "fill-mask":
        text = f"a gripping {tokenizer.mask_token}"
    example = f"({text!r}, {other!r})" if task.pairs else repr(text)
    how = _OWN
    if kind == "own with encoder":
        how += _ENCODER
    elif kind == "adapter":
        whole = hasattr(peft, peft_class) and task.peft_type != "FEATURE_EXTRACTION"
        how = _ADAPTER if whole else _ADAPTER_ON_BASE
        if model.active_peft_config.is_prompt_learning and hasattr(model.get_base_model(), "score"):
            how += _ALONE
    elif kind == "full":
        how = _OPENED if task.label_kind in ("span", "choice") or auto != task.auto_class else _FULL
        # The library has no pipeline for an encoder-decoder any more.
        how = _SEQ2SEQ if task.auto_class == "AutoModelForSeq2SeqLM" else how
        how = task.pooling_code() or how
    lines = how.format(
        pipeline=task.pipeline,
        auto_class=auto,
        peft_class=peft_class,
        example=example,
        asked=str({"text": text, "text_pair": other}) if task.pairs else repr(text),
    )
    rest = ""
    if asked := task.prompt_description():
        rest += f"\nIt was trained to answer {card.code(asked)}.\n"
    if names := labels_of(module):
        shown = listed(map(card.code, names), 20)
        rest += f"\nLabels, in the order of their ids: {shown}.\n"
    if kind == "adapter" and model.active_peft_config.modules_to_save:
        rest += _HEAD
    if (bits := module.hparams["quantize"]) and kind in ("own", "adapter"):
        rest += _QUANTIZED.format(bits=bits.replace("bit", " bits"))
    if not kind.startswith("own"):
        rest += _PRETUNE.format(example=example)
    if kind == "own with encoder":
        rest += _ENCODER_AND_HEAD
    elif kind == "own" and not base.is_dir():
        name = module.hparams["backbone"]
        place = "the package index" if name in packaged.BACKBONES else "the hub"
        rest += _REFERENCE.format(name=f"`{name}`", place=place)
    elif kind != "full":
        size = sum(file.stat().st_size for file in base.iterdir()) / 1e6
        rest += _BASE.format(size=size)
    strategy = re.split(r"[.:]", getattr(module, "strategy", type(module).__name__))[-1]
    title = facts.get("name") or f"{strategy}: {type(task).__name__}"
    began = _began_from(module)
    rest += card.results(facts) + card.data(facts)
    rest += card.training(_told(module, strategy, began), facts)
    rest += card.limits(facts, max_tokens(module, tokenizer))
    library = {"full": "transformers", "adapter": "peft"}.get(kind, "pretune")
    front = card.front_matter(title, task.pipeline, library, began, [strategy], facts)
    return _CARD.format(front=front, title=title, how=lines, rest=rest)


def _opening_class(task: Any, model: Any) -> str:
    """Return the class of transformers that opens the network: the task's, else its own."""
    import transformers

    if task.auto_class != Task.auto_class:
        return task.auto_class

    network = unwrap(model)
    own, auto = type(network), getattr(transformers, task.auto_class)
    found = auto._model_mapping.get(type(network.config), None)
    fits = own in (found if isinstance(found, tuple) else (found,))
    known = getattr(transformers, own.__name__, None) is own
    return own.__name__ if known and not fits else task.auto_class


def _began_from(module: FineTuningModule) -> str:
    """Return the name of the backbone, without a path of this machine."""
    name = (module.read_backbone or {}).get("name") or module.hparams["backbone"]
    place = Path(name).expanduser()
    if not place.is_dir():
        return name
    return place.parent.name + "/export" if place.name == "export" else place.name


def _told(module: FineTuningModule, strategy: str, began: str) -> dict[str, Any]:
    trained = sum(module.get_parameter(name).numel() for name in module.trainable)
    total = num_parameters(module)
    told = {"task": type(module.task).__name__, "began from": began}
    if not hasattr(module, "strategy"):  # of what load has read it is not known any more
        told["trained parameters"] = f"{trained:,} of {total:,}"
    return {**told, "strategy": strategy}
