"""The flags of a run itself: its name, how it trains, and whether its test rows wait."""

from typing import Any

from experiments.runner import compilation


def add(parser: Any) -> None:
    """Adds the flags to a parser."""
    parser.add_argument(
        "--name",
        type=str | None,
        help="Name of the run on screens, in tables, in W&B and on the model card. By default its "
        "data and its model, such as tickets-lora",
    )
    parser.add_argument(
        "--hold_out_test",
        type=bool,
        default=False,
        help="Whether the test rows wait until you ask for them, with --resume RUN "
        "--hold_out_test false; choices are then made by validation alone",
    )
    compilation.add(parser)
    parser.add_argument(
        "--gradient_checkpointing",
        type=bool,
        default=False,
        help="Whether the backward pass computes each layer's activations again, which takes less "
        "memory and more time",
    )
    parser.add_argument(
        "--padding_free",
        type=bool,
        default=False,
        help="Whether a network reads the texts of a batch behind one another without padding; "
        "batches of texts of like length have little of it",
    )
