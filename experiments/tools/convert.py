"""Converts a trained model to ONNX or GGUF, and checks the file by loading it.

    python experiments/tools/convert.py last --to onnx
    python experiments/tools/convert.py outputs/lora_sst2/RUN/export --to onnx --output handed/over
    python experiments/tools/convert.py outputs/smollm2_instructions/RUN --to gguf --type q8_0

ONNX is for heads of classes and numbers: a folder with model, tokenizer, config and a README, which
onnxruntime and the tokenizers library run. GGUF is for decoders that write text: a file for
llama.cpp and its kin, which holds the tokenizer and the chat template. Adapters are merged.

What was written is loaded again, and its logits are compared with the model's; if they differ by
more than rounding explains, nothing is kept.
"""

import argparse
import sys
from pathlib import Path
from typing import Any

from experiments.common.arguments import FlagParser
from experiments.common.exits import guarded
from experiments.common.shell import command_name, relative

TYPES = ("f32", "f16", "bf16", "q8_0")


def main() -> None:
    """Converts the model of a run or of an export."""
    with guarded(command_name()):
        asked = _parse()
        # torch and transformers, which --help and a mistake in the flags spare
        from experiments.tools.conversion import convert
        from modules.conversion.differences import DifferenceError

        try:
            place, difference = convert(asked)
        except DifferenceError as error:
            sys.exit(f"{command_name()}: {error}: nothing was kept")
        print(f"greatest difference of a logit: {difference}")
        print(relative(place))


def _parse() -> argparse.Namespace:
    parser = FlagParser(__doc__)
    add = parser.add_argument
    add("model", metavar="RUN", help="Model: last, a run's id or folder, or a folder of an export")
    add("--to", choices=["onnx", "gguf"], required=True, help="Format to write")
    add(
        "--output",
        type=lambda text: Path(text).expanduser(),
        help="Folder to write, or a file NAME.gguf; a folder onnx or gguf in the run's folder, or "
        "EXPORT-onnx beside an export, if not given",
    )
    add("--type", choices=TYPES, help="Type of the weights, of GGUF alone (f16)")
    add("--runs", default="outputs", help="Folder in which all runs are kept (outputs)")
    asked: Any = parser.parse_args()
    if asked.type and asked.to == "onnx":
        raise ValueError(f"--type {asked.type}: of GGUF alone; ONNX is written in fp32")
    if asked.output and asked.to == "onnx" and asked.output.suffix == ".onnx":
        raise ValueError(
            f"--output {asked.output}: ONNX is a folder with the tokenizer beside the model; give "
            f"--output {asked.output.with_suffix('')}"
        )
    if asked.output and asked.output.exists():
        raise ValueError(f"--output {asked.output}: exists; remove it, or give another name")
    return asked


if __name__ == "__main__":
    main()
