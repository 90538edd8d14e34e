"""How long will pre-training take, and does it fit into memory?

    python experiments/tools/plan.py --size base --tokens 10e9 --gpu h100 --devices 8
    python experiments/tools/plan.py --size base --tokens 10e9 --gpu h100 --devices 64 --price 2.5
    python experiments/tools/plan.py --size config.json --scored 0.15 --row_tokens 512

Estimates a run before it starts. It counts the network's FLOPs and the bytes that its forward pass
keeps, and prints every assumption. The utilisation (MFU) of one of your runs is in its result.json:
give it as --mfu.
"""

import argparse

from datamodules import text_tables
from datamodules.spelling import did_you_mean
from experiments.common.arguments import FlagParser, at_least_one
from experiments.common.exits import guarded
from experiments.common.shell import command_name
from experiments.reporting import screen
from experiments.tools import cost_model
from experiments.tools.cost_model import NAMES

ASSUMED_MFU = 0.4
# GPT-2 of 124 M parameters on rows of 1,024 tokens: FLOPs per token, as cost_model.count finds, and
# published runs: source, device, number of devices, tokens, hours.
GPT2_FLOPS = 0.8544e9
PUBLISHED = [
    ("llm.c, as modded-nanogpt's README quotes it", "H100", 8, 10e9, 0.75),
    ("nanoGPT's README: 600,000 steps of 491,520 tokens in 4 days", "A100", 8, 2.95e11, 96.0),
]
SHARE = "Share of tokens whose word is predicted: 1 for CausalLM, 0.15 for MaskedLM (1)"


def main() -> None:
    """Prints the plan that the command line asks for."""
    with guarded(command_name()):
        print(plan(_parse()))


def _parse() -> argparse.Namespace:
    parser = FlagParser(__doc__)
    add = parser.add_argument
    add(
        "--size",
        default="base",
        help="Size of the network: tiny, mini, small, base, or a config.json (base)",
    )
    add(
        "--family",
        default="gpt2",
        help="Architecture of a named size, in the words of transformers (gpt2)",
    )
    add("--vocabulary", type=int, default=50257, help="Entries of the vocabulary (50257)")
    add("--row_tokens", type=int, default=1024, help="Tokens of a row (1024)")
    add("--tokens", type=float, default=10e9, help="Tokens of the whole run (10e9)")
    add("--scored", type=float, default=1.0, help=SHARE)
    add("--gpu", default="h100", help=f"Kind of device: {', '.join(NAMES)} (h100)")
    add("--devices", type=int, default=1, help="Number of devices (1)")
    add(
        "--sharded",
        action="store_true",
        help="Split the states among devices, as --trainer.strategy fsdp does",
    )
    add("--mfu", type=float, help=f"Measured utilisation, from 0 to 1 (assumed: {ASSUMED_MFU})")
    add(
        "--price",
        type=float,
        help="Price of a device's hour, in your currency (no cost is printed)",
    )
    return parser.parse_args()


class _Vocabulary:
    """A stand-in for a tokenizer, with the attributes that a config needs."""

    pad_token_id = bos_token_id = eos_token_id = cls_token_id = sep_token_id = 0

    def __init__(self, entries: int) -> None:
        self.entries = entries

    def __len__(self) -> int:
        return self.entries


def plan(asked: argparse.Namespace) -> str:
    """The lines of the plan.

    Raises:
        ValueError: If the network or the device is not known.
    """
    from callbacks.mfu import PEAKS
    from modules.pretraining import architectures

    device = _device(asked.gpu)
    _check(asked)
    words = _Vocabulary(asked.vocabulary)
    try:
        config = architectures.make_config(asked.family, asked.size, words, asked.row_tokens, 0.0)
    except ValueError as error:  # it names pretrain.py's flags
        said = str(error).replace("--model.", "--").replace("--data.row_tokens", "--row_tokens")
        raise ValueError(said) from error
    network = cost_model.count(config, asked.row_tokens)
    peak, memory = 1e12 * PEAKS[device], 1e9 * cost_model.MEMORY[device]
    flops, mfu = network.flops(asked.scored), asked.mfu or ASSUMED_MFU
    fixed = cost_model.fixed_bytes(network, asked.devices, asked.sharded)
    rows = cost_model.rows_that_fit(network, memory, fixed, asked.row_tokens)
    hours = cost_model.hours(flops, asked.tokens, peak, mfu, asked.devices)
    count, share = f"{asked.devices:,} × {device}", f"{100 * asked.scored:.0f} %"
    row = network.saved_bytes * asked.row_tokens
    millions = network.parameters / 1e6
    states = "shared out" if asked.sharded else "whole on each device"
    source = "measured" if asked.mfu else "assumed: a run's result.json has its own"
    lines = {
        "network": f"{config.model_type} {asked.size}: {millions:,.1f} M parameters",
        "arithmetic": f"{flops / 1e9:.3f} GFLOP per token, forward and backward "
        f"({network.trunk_flops / 1e9:.3f} the layers, the rest the vocabulary's scores of {share} "
        f"of the tokens); {flops * asked.tokens:.3g} FLOP in all",
        "memory": f"{fixed / 1e9:.1f} GB and {row / 1e9:.2f} GB per row of {asked.row_tokens:,} "
        f"tokens: {rows:,} rows fit into {memory / 1e9:.0f} GB"
        + ("" if rows else "; try --sharded, more --devices or shorter --row_tokens"),
        "speed": f"{peak * mfu / flops:,.0f} tokens/s per device at {100 * mfu:.0f} % ({source}) "
        f"of {peak / 1e12:,.0f} TFLOP/s",
        "time": f"{_span(hours)} for {asked.tokens:.3g} tokens on {count}",
    }
    if asked.price is not None:
        total = hours * asked.devices
        lines["cost"] = f"{total * asked.price:,.2f}: {total:,.1f} device hours at {asked.price:g}"
    lines["counted"] = (
        f"states ({cost_model.STATES} bytes per parameter: fp32 weight and gradient, AdamW; "
        f"{states}), bf16 copies, a chunk of scores, and what one row's forward pass keeps under "
        "autocast, without recomputation; not the data, nor the network between devices"
    )
    lines["for scale"] = "GPT-2 124M " + "; ".join(_published(PEAKS))
    most = screen.columns()
    wrapped = [text_tables.wrapped(t, most, " " * 11, f"{name:<11}") for name, t in lines.items()]
    return "\n".join(line for part in wrapped for line in part)


def _published(peaks: dict[str, float]) -> list[str]:
    """Published runs, with the utilisation that follows from our count of FLOPs."""
    return [
        f"{tokens:.3g} tokens on {count} × {device} took {_span(hours)}, "
        f"{100 * implied_mfu(count, tokens, hours, 1e12 * peaks[device]):.0f} % ({who})"
        for who, device, count, tokens, hours in PUBLISHED
    ]


def implied_mfu(count: int, tokens: float, hours: float, peak: float) -> float:
    """The utilisation of a published run of GPT-2 124M; ``peak`` is a device's FLOP/s."""
    return (
        cost_model.hours(GPT2_FLOPS, tokens, peak, 1.0, count) / hours
    )  # at once, if all were used


def _span(hours: float) -> str:
    if hours < 1:
        return f"{60 * hours:.0f} min"
    return f"{hours:.1f} h" if hours < 48 else f"{hours / 24:.1f} days"


def _device(name: str) -> str:
    word = name.lower().replace(" ", "").replace("-", "")
    if word not in cost_model.NAMES:
        known = ", ".join(cost_model.NAMES)
        raise ValueError(f"--gpu {name}: there are {known}{did_you_mean(word, cost_model.NAMES)}")
    return cost_model.NAMES[word]


def _check(asked: argparse.Namespace) -> None:
    at_least_one(asked, "vocabulary", "row_tokens", "tokens", "devices")
    for flag in ("scored", "mfu"):
        value = getattr(asked, flag)
        if value is not None and not 0 < value <= 1:
            raise ValueError(f"--{flag} {value}: above 0, at most 1")
    if asked.price is not None and asked.price < 0:
        raise ValueError(f"--price {asked.price}: not negative")


if __name__ == "__main__":
    main()
