"""A decoder as a GGUF file, for llama.cpp and its kin."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import gguf
import numpy as np
import torch
from gguf import GGMLQuantizationType, LlamaFileType, quants
from transformers.utils import logging

from modules.conversion import gguf_architectures, gguf_tokenizer
from modules.conversion.differences import TEXTS, Difference, DifferenceError, compared
from modules.conversion.language_models import LanguageModel
from modules.self_check import neutral

Type = Literal["f32", "f16", "bf16", "q8_0"]

# The share of the greatest logit that the rounding of the weights explains. SmolLM2's logits differ
# by 2e-6, 0.0015, 0.0075 and 0.04 of it.
_ROUNDING: dict[Type, float] = {"f32": 1e-4, "f16": 0.02, "bf16": 0.1, "q8_0": 0.2}
_FILE_TYPES = {
    "f32": LlamaFileType.ALL_F32,
    "f16": LlamaFileType.MOSTLY_F16,
    "bf16": LlamaFileType.MOSTLY_BF16,
    "q8_0": LlamaFileType.MOSTLY_Q8_0,
}
_TOKENS = 128  # of a text, at most, in the comparison

_README = """# {name} as GGUF

`{file}` holds weights ({kind}), tokenizer{template} of a {family} for llama.cpp and the programs
that are built on it:

```sh
llama-cli -m {file}{flag}
```

transformers reads it, too:

```python
from transformers import AutoModelForCausalLM, AutoTokenizer
tokenizer = AutoTokenizer.from_pretrained(".", gguf_file="{file}")
model = AutoModelForCausalLM.from_pretrained(".", gguf_file="{file}")
```

Read by transformers again, its logits differed by at most {difference} from those of the model.
"""


def obstacle(opened: LanguageModel) -> str:
    """Return the reason for which a model cannot become GGUF; empty if it can."""
    config = opened.model.config
    rows = opened.model.get_input_embeddings().num_embeddings
    return gguf_architectures.obstacle(config) or gguf_tokenizer.obstacle(opened.tokenizer, rows)


def write_folder(opened: LanguageModel, folder: Path, kind: Type) -> Difference:
    """Write ``model-TYPE.gguf`` and a README into an existing, empty folder; see :func:`write`."""
    file = folder / f"model-{kind}.gguf"
    difference = write(opened, file, kind)
    template = opened.tokenizer.chat_template
    text = _README.format(
        name=opened.name,
        file=file.name,
        kind=kind,
        family=opened.model.config.model_type,
        template=" and chat template" if template else "",
        flag=" -cnv" if template else ' -p "Once upon a time"',
        difference=difference,
    )
    (folder / "README.md").write_text(text, encoding="utf-8")
    return difference


def write(opened: LanguageModel, file: Path, kind: Type) -> Difference:
    """Write a GGUF file, read it again, and compare tokens and logits.

    Args:
        opened: A model for which ``obstacle`` finds none.
        file: The file to write.
        kind: The type of matrices; vectors are fp32. A matrix whose rows are no whole number of
            Q8_0's blocks of 32 is f16.

    Returns:
        The greatest difference of a logit.

    Raises:
        ValueError: If GGUF has no place for a weight.
        DifferenceError: If the file gives other tokens, or logits beyond the bound.
    """
    config = opened.model.config
    arch = gguf.MODEL_ARCH_NAMES[gguf_architectures.architecture(config)]
    writer = gguf.GGUFWriter(file, arch)
    writer.add_type("model")
    # Not the bare name: transformers takes a Llama whose name is mistral for something else.
    writer.add_name(f"{opened.name} ({config.model_type})")
    writer.add_file_type(_FILE_TYPES[kind])
    writer.add_quantization_version(gguf.GGML_QUANT_VERSION)
    gguf_architectures.add_fields(writer, config)
    rows = opened.model.get_input_embeddings().num_embeddings
    gguf_tokenizer.add_tokenizer(writer, opened.tokenizer, rows)
    for name, values in gguf_architectures.tensors(opened.model):
        chosen = _type(values, kind)
        writer.add_tensor(name, quants.quantize(values, chosen), raw_dtype=chosen)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return compared(_logits(opened, file), _ROUNDING[kind], f"GGUF ({kind})")


def _type(values: np.ndarray, kind: Type) -> GGMLQuantizationType:
    if values.ndim < 2 or kind == "f32":
        return GGMLQuantizationType.F32
    if kind == "q8_0" and values.shape[-1] % 32:
        return GGMLQuantizationType.F16
    return GGMLQuantizationType[kind.upper()]


def _logits(opened: LanguageModel, file: Path) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield the model's logits and the file's, (T, vocabulary) for each of some texts."""
    model, tokenizer = _read(opened, file)
    most = min(_TOKENS, gguf_architectures.context_length(opened.model.config))
    for text in TEXTS:
        ids = opened.tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"]
        if tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"] != ids:
            raise DifferenceError(f"the GGUF file's tokenizer reads {text[:60]!r} otherwise")
        ids_BT = torch.tensor([ids[:most]])
        with neutral(), torch.inference_mode():
            wanted, found = opened.model(input_ids=ids_BT).logits, model(input_ids=ids_BT).logits
        yield wanted[0].float().numpy(), found[0].float().numpy()


def _read(opened: LanguageModel, file: Path) -> tuple[Any, Any]:
    """Read the file by transformers."""
    from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer

    verbosity = logging.get_verbosity()
    logging.set_verbosity_error()
    with open(os.devnull, "w", encoding="utf-8") as nowhere, contextlib.redirect_stderr(nowhere):
        place = {"pretrained_model_name_or_path": str(file.parent), "gguf_file": file.name}
        config = AutoConfig.from_pretrained(**place)
        for name in gguf_architectures.UNREAD:
            if hasattr(opened.model.config, name):
                setattr(config, name, getattr(opened.model.config, name))
        model = AutoModelForCausalLM.from_pretrained(**place, config=config, dtype=torch.float32)
        tokenizer = AutoTokenizer.from_pretrained(**place)
    logging.set_verbosity(verbosity)
    if not gguf_tokenizer.reads_split(opened.tokenizer):
        own = opened.tokenizer.backend_tokenizer.pre_tokenizer
        tokenizer.backend_tokenizer.pre_tokenizer = own
    return model.eval(), tokenizer
