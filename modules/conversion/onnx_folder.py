"""A classifier or a regression as ONNX, in a folder that needs no library of this project."""

import contextlib
import logging
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import tokenizers
import torch
from torch import Tensor, nn

from datamodules.packaged import pad_id, tells_pairs_apart
from modules import backbones, merging
from modules.conversion.differences import TEXTS, Difference, DifferenceError, compared
from modules.encoding import Text, encode, max_tokens, tokenizer_of
from modules.finetuning.base import FineTuningModule
from modules.finetuning.quantization import dequantized
from modules.outputs import labels_of
from modules.self_check import neutral
from modules.tasks.heads import Head
from modules.tasks.network_inputs import model_inputs
from modules.text_rows import Rows

_ROUNDING = 1e-4  # of the greatest logit; MiniLM's differ by less than 1e-6
_FIELDS = {"input_ids": "ids", "attention_mask": "attention_mask", "token_type_ids": "type_ids"}
_ONE_FILE = 2**31 - 2**24  # bytes that fit into a file of ONNX, less what is no weight

_README = """# {title} as ONNX

Run this in the folder. It needs onnxruntime, tokenizers and numpy.

```python
import json

import numpy as np
import onnxruntime
from tokenizers import Tokenizer

tokenizer = Tokenizer.from_file("tokenizer.json")  # cuts at {tokens:,} tokens, and pads
session = onnxruntime.InferenceSession("model.onnx")
texts = [{example}]
rows = tokenizer.encode_batch({asked})
inputs = {{
{inputs}
}}
(logits,) = session.run(["logits"], inputs)
{ending}
```

`config.json` is the config of the network{labelled}. The batch and the number of tokens may be
any up to {tokens:,} tokens a text. On {count} texts of {shortest} to {longest} tokens the logits
differed by at most {difference:.1g} from those of the module.
"""
_CLASS = """names = json.load(open("config.json", encoding="utf-8"))["id2label"]
for text, row in zip(texts, logits):
    print(text, names[str(row.argmax())])"""
_SEVERAL = """names = json.load(open("config.json", encoding="utf-8"))["id2label"]
for text, row in zip(texts, logits):
    print(text, [names[str(place)] for place in np.flatnonzero(row > 0)])"""
_NUMBER = """for text, number in zip(texts, logits):
    print(text, number)"""


def obstacle(module: Any) -> str:
    """Return the reason for which a module cannot become ONNX; empty if it can."""
    task = getattr(module, "task", None)
    of_texts = task is None or task.label_kind != "choice"
    if not (of_texts and isinstance(getattr(task, "head", None), Head)):
        kind = "a pre-trained network" if task is None else type(task).__name__
        return (
            f"ONNX is for a head of classes or numbers (Classification, PairClassification, "
            f"MultiLabel, Regression), and this is {kind}"
        )
    if not tokenizer_of(module).is_fast:
        return "its tokenizer has no tokenizer.json, which the tokenizers library reads"
    return ""


def write(module: FineTuningModule, folder: Path) -> Difference:
    """Write model.onnx, tokenizer, config and README, and compare the logits.

    Args:
        module: A module with a head of classes or numbers; it stays as it is. An adapter that can
            be merged is merged; the layers of another are part of the graph.
        folder: An existing, empty folder.

    Returns:
        The greatest difference of a logit.

    Raises:
        ValueError: If torch cannot write this model.
        DifferenceError: If the logits are not those of the module.
    """
    module = module.in_full_precision().eval()
    whole = not merging.obstacle(module)
    model = merging.merged(module) if whole else dequantized(module.model)
    tokenizer, task = tokenizer_of(module), module.task
    limit = max_tokens(module, tokenizer)
    texts: list[Text] = [*TEXTS]
    if task.pairs:
        texts = list(zip(TEXTS, TEXTS[1:] + TEXTS[:1], strict=True))
    rows = encode(module, texts)
    _write_graph(model, task, rows, folder / "model.onnx")
    backbones.unwrap(model).config.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    padded = _with_padding(folder / "tokenizer.json", tokenizer, limit)
    joined = task.pairs and not tells_pairs_apart(tokenizer)
    found = [_ids(padded, text, joined) for text in texts]
    if found != rows.ids:
        different = next(n for n, ids in enumerate(found) if ids != rows.ids[n])
        text = str(texts[different])[:60]
        raise DifferenceError(f"the tokenizers library reads {text!r} otherwise")
    difference = compared(_pairs(module, rows, folder / "model.onnx"), _ROUNDING, "ONNX")
    told = _readme(module, rows, limit, joined, difference)
    (folder / "README.md").write_text(told, encoding="utf-8")
    return difference


class _Logits(nn.Module):
    """The logits as a function of a batch's tensors alone."""

    def __init__(self, model: nn.Module, task: Any, names: list[str]) -> None:
        super().__init__()
        self.model, self.task, self.names = model, task, names

    def forward(self, *tensors_BT: Tensor) -> Tensor:
        return self.task.logits(self.model, dict(zip(self.names, tensors_BT, strict=True)))


def _write_graph(model: Any, task: Any, rows: Rows, file: Path) -> None:
    inputs = model_inputs(rows.batch([0, 1]))
    dims = {0: "batch", 1: "tokens"}
    size = sum(weight.numel() * weight.element_size() for weight in model.parameters())
    try:
        with _quietly(), torch.no_grad():
            made: Any = torch.onnx.export(
                _Logits(model, task, list(inputs)).eval(),
                tuple(inputs.values()),
                dynamo=True,
                input_names=list(inputs),
                output_names=["logits"],
                dynamic_shapes=(tuple(dims for _ in inputs),),
                verbose=False,
            )
            made.save(str(file), external_data=size > _ONE_FILE)
    except Exception as error:  # of many types, with pages of advice
        reason = str(error).strip().partition("\n")[0] or type(error).__name__
        kind = model.config.model_type
        raise ValueError(f"torch cannot write this {kind} as ONNX ({reason})") from error


@contextlib.contextmanager
def _quietly() -> Iterator[None]:
    """Silence the exporter's remarks on libraries that are not installed, and on its own code."""
    log = logging.getLogger("torch.onnx")
    level = log.level
    log.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        log.setLevel(level)


def _with_padding(file: Path, tokenizer: Any, limit: int) -> tokenizers.Tokenizer:
    """Have tokenizer.json cut and pad as the module does; return it without padding."""
    fast = tokenizers.Tokenizer.from_file(str(file))
    fast.enable_truncation(limit, strategy="longest_first")
    pad = pad_id(tokenizer)
    fast.enable_padding(direction="right", pad_id=pad, pad_token=fast.id_to_token(pad))
    fast.save(str(file))
    fast.no_padding()
    return fast


def _ids(fast: tokenizers.Tokenizer, text: Text, joined: bool) -> list[int]:
    if isinstance(text, str):
        return fast.encode(text).ids
    return fast.encode("\n".join(text)).ids if joined else fast.encode(*text).ids


def _pairs(module: Any, rows: Rows, file: Path) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield the module's logits and onnxruntime's: of each text, of all, and of some at once."""
    import onnxruntime

    session = onnxruntime.InferenceSession(str(file), providers=["CPUExecutionProvider"])
    names = [one.name for one in session.get_inputs()]
    everything = list(range(len(rows.ids)))
    for chosen in (*([number] for number in everything), everything, everything[1:4]):
        batch = model_inputs(rows.batch(chosen))
        with neutral(), torch.inference_mode():
            wanted = module.task.logits(module.model, batch).float().numpy()
        yield wanted, session.run(["logits"], {name: batch[name].numpy() for name in names})[0]


def _readme(
    module: FineTuningModule, rows: Rows, limit: int, joined: bool, difference: Difference
) -> str:
    task = module.task
    pair = ("a gripping film", "a moving one")
    example = f"{pair!r}, ('dull', 'cold')" if task.pairs else f"{pair[0]!r}, 'dull'"
    fields = model_inputs(rows.batch([0]))
    lines = [
        f'    "{name}": np.array([row.{_FIELDS[name]} for row in rows], np.int64),'
        for name in fields
    ]
    return _README.format(
        title=f"{getattr(module, 'strategy', type(module).__name__)}: {type(task).__name__}",
        tokens=limit,
        example=example,
        asked='["\\n".join(pair) for pair in texts]' if joined else "texts",
        inputs="\n".join(lines),
        ending={"class": _CLASS, "several": _SEVERAL, "number": _NUMBER}[task.label_kind],
        labelled=", with the labels by their ids" if labels_of(module) else "",
        count=len(rows.ids),
        shortest=min(map(len, rows.ids)),
        longest=max(map(len, rows.ids)),
        difference=difference.greatest,
    )
