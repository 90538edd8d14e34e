"""How long, on how many devices, and does it fit? A pre-training run's size before it is begun.

    python experiments/plan.py --size base --tokens 10e9 --gpu h100 --devices 8
    python experiments/plan.py --size base --tokens 10e9 --gpu h100 --devices 64 --price 2.5
    python experiments/plan.py --size config.json --scored 0.15 --row-tokens 512

Counts the network's FLOPs and what its forward pass keeps; assumes what it prints as assumed. The
utilisation (MFU) of a run of yours is in its result.json: give it as --mfu.
"""

from experiments.flags import FlagParser
from experiments.guard import guarded
from experiments.planning import ASSUMED_MFU, plan
from experiments.sizing import NAMES

SHARE = "share of tokens whose word is predicted: 1 for CausalLM, 0.15 for MaskedLM (1)"


def main() -> None:
    parser = FlagParser("plan.py", __doc__)
    add = parser.add_argument
    add("--size", default="base", help="tiny, mini, small, base, or a config.json (base)")
    add("--family", default="gpt2", help="of a size by name, as transformers names it (gpt2)")
    add("--vocabulary", type=int, default=50257, help="entries (50257)")
    add("--row-tokens", type=int, default=1024, help="tokens of a row (1024)")
    add("--tokens", type=float, default=10e9, help="of the whole run, as 10e9 (10e9)")
    add("--scored", type=float, default=1.0, help=SHARE)
    add("--gpu", default="h100", help=f"{', '.join(NAMES)} (h100)")
    add("--devices", type=int, default=1, help="how many of them (1)")
    add("--sharded", action="store_true", help="states shared out, as --trainer.strategy fsdp")
    add("--mfu", type=float, help=f"measured utilisation, 0 to 1 ({ASSUMED_MFU} is assumed)")
    add("--price", type=float, help="of a device's hour, in your currency (no cost without it)")
    print(plan(parser.parse_args()))


if __name__ == "__main__":
    with guarded("plan.py"):
        main()
