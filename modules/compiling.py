"""Compiled networks: torch.compile of a network's body, for the shapes that come often."""

import functools
import os
from collections.abc import Callable
from typing import Any, Literal

import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.utilities import rank_zero_warn
from torch import Tensor
from transformers import PreTrainedModel

from datamodules.argument_names import in_arguments
from datamodules.packaged import cache_folder
from modules import compile_gain
from modules.backbones import unwrap

Choice = bool | Literal["auto"]
_MOST = 8  # shapes, as torch keeps no more versions of a function


def networks_of(module: Any) -> list[PreTrainedModel]:
    """Return the networks of transformers that a module has, without what peft puts around them."""
    parts = map(unwrap, module.children())
    return [part for part in parts if isinstance(part, PreTrainedModel)]


def bodies_of(module: Any) -> list[Any]:
    """Return the bodies of a module's networks: all of each but its head.

    Hooks that select tokens change from step to step. They lie around a body, which is an encoder
    or a decoder alone where a network has both.
    """
    found: list[Any] = []
    for part in networks_of(module):
        if part.config.is_encoder_decoder:
            found += [part.get_encoder(), part.get_decoder()]
        elif part.base_model is not part or part.get_output_embeddings() is None:
            found.append(part.base_model)
    return found


def check_trains_network(module: Any, lead: str, found: list[Any]) -> None:
    """Refuse a module that a flag cannot change, as it trains no network of transformers.

    Args:
        module: The module.
        lead: How the error begins.
        found: The networks, or the bodies, that the flag would change.

    Raises:
        ValueError: If it trains nothing, or there are none.
    """
    if not getattr(module, "trains", True):
        raise ValueError(f"{lead} trains nothing; leave it out")
    if not found:
        raise ValueError(f"{lead} has no network of transformers; leave it out")


def has_prefix(module: Any) -> bool:
    """Tell whether trained keys and values stand before each row, in every layer."""
    config = getattr(getattr(module, "model", None), "active_peft_config", None)
    return getattr(config, "peft_type", None) == "PREFIX_TUNING"


def replace_forward(body: Any, forward: Callable[..., Any]) -> Callable[[], None]:
    """Have a body run another function; return a function that undoes that.

    The method of the object is replaced, and not the object, whose weights keep their names. Hooks
    around the body, such as those that select tokens, stay outside.
    """
    kept = vars(body).get("forward")
    body.forward = forward

    def undo() -> None:
        vars(body).pop("forward", None)
        if kept is not None:
            body.forward = kept

    return undo


class Compiled(Callback):
    """Compiles the body of a module's networks with torch.compile.

    The names of the weights stay, and so do checkpoints and exports. Each shape of inputs is
    compiled for itself once it has come ``after`` times, and at most eight are; all others, such as
    a last batch with fewer rows, run as they are, and so do validation and test. Dropout draws the
    same numbers; sums are rounded otherwise than without compilation.

    The machine code is kept in ``compiled`` in the cache folder for later runs, or in
    TORCHINDUCTOR_CACHE_DIR.

    Args:
        choice: True, False, or auto: where the class is measured to gain, and the training is long
            enough to win back the time of the compilation, and there is a compiler.
        after: The number of times that a shape comes before it is compiled.

    Attributes:
        chosen: Whether the network is compiled; None before that is known.
        reason: Why, in words.
        shapes: The shapes that were compiled.
    """

    def __init__(self, choice: Choice = "auto", after: int = 10) -> None:
        if choice not in (True, False, "auto"):
            raise ValueError(f"Compiled: choice is True, False or 'auto', not {choice!r}")
        self.choice, self.after = choice, after
        self.chosen: bool | None = None
        self.reason = ""
        self.shapes: list[str] = []
        self._counts: dict[str, int] = {}
        self._undo: list[Callable[[], None]] = []

    @in_arguments
    def decide(self, module: Any, device: torch.device, steps: float, tokens: int) -> str:
        """Decide whether to compile.

        Args:
            module: The module that will train.
            device: Where it will train.
            steps: The number of training batches.
            tokens: The number of tokens of a batch; 0 if that is not known.

        Returns:
            A line for the user; empty where there is nothing to tell.

        Raises:
            ValueError: If it must be compiled, and that is not possible.
        """
        self.chosen, reason = False, ""
        if self.choice is False:
            return ""
        if self.choice == "auto":
            needed = compile_gain.num_steps_to_pay(module, tokens) if tokens else float("inf")
            if steps < needed or needed == float("inf"):
                return ""
            reason = f"{steps:,.0f} batches win back the time of that after some {needed:,.0f}"
        lacks = compile_gain.obstacle(device)
        if self.choice is True and not (lacks or bodies_of(module)):
            lacks = f"{type(module).__name__} has no network of transformers"
        if lacks and self.choice is True:
            raise ValueError(f"--compile true: {lacks}; or leave the flag out")
        if lacks:
            self.reason = f"not compiled: {lacks}"
            return f"the network is {self.reason}; {reason}"
        self.chosen = True
        self.reason = f"compiled: {reason or 'as asked for'}"
        return f"the network is {self.reason}; --compile false leaves it as it is"

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if self.chosen is None:
            steps = compile_gain.num_batches(trainer, trainer.num_training_batches)
            tokens = compile_gain.fixed_batch_tokens(getattr(trainer, "datamodule", None))
            self.decide(pl_module, trainer.strategy.root_device, steps, tokens)
        if self.chosen:
            self.install(pl_module)

    def install(self, module: Any) -> None:
        """Have the bodies of a module's networks run compiled, until :meth:`remove`."""
        self.chosen = True
        # torch sets it to a folder of temporary files where it is imported.
        from torch._inductor.runtime.cache_dir_utils import default_cache_dir

        if os.environ.get("TORCHINDUCTOR_CACHE_DIR") in (None, default_cache_dir()):
            os.environ["TORCHINDUCTOR_CACHE_DIR"] = str(cache_folder() / "compiled")
        self._undo = [self._compile(body) for body in bodies_of(module)]

    def remove(self) -> None:
        """Leave the module as it was."""
        while self._undo:
            self._undo.pop()()

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if self.chosen and not self.shapes:
            self.reason = f"not compiled: no shape of inputs came more than {self.after} times"
            rank_zero_warn(f"the network was {self.reason}")
        self.remove()

    def on_exception(
        self, trainer: Trainer, pl_module: LightningModule, exception: BaseException
    ) -> None:
        self.remove()

    def _compile(self, body: Any) -> Callable[[], None]:
        """Have a body run compiled; return a function that undoes that."""
        plain = body.forward
        fast: Any = torch.compile(plain, dynamic=False, options={"fallback_random": True})

        @functools.wraps(plain)  # peft reads the names of its arguments
        def forward(*args: Any, **settings: Any) -> Any:
            if not (body.training and torch.is_grad_enabled()) or not self._often(args, settings):
                return plain(*args, **settings)
            from torch._dynamo.exc import TorchDynamoException

            try:
                return fast(*args, **settings)
            except TorchDynamoException as error:
                self.chosen = False
                self.reason = f"not compiled: torch cannot ({str(error).strip().splitlines()[0]})"
                rank_zero_warn(f"the network is {self.reason}; it runs as it is")
                return plain(*args, **settings)

        return replace_forward(body, forward)

    def _often(self, args: tuple[Any, ...], settings: dict[str, Any]) -> bool:
        """Tell whether inputs of these shapes have come often enough."""
        if not self.chosen:
            return False
        values = {**{str(n): value for n, value in enumerate(args)}, **settings}
        tensors = {k: value for k, value in values.items() if isinstance(value, Tensor)}
        shape = " ".join(f"{name} {tuple(value.shape)}" for name, value in tensors.items())
        self._counts[shape] = self._counts.get(shape, 0) + 1
        new = shape not in self.shapes and len(self.shapes) < _MOST
        if new and self._counts[shape] > self.after:
            self.shapes.append(shape)
        return shape in self.shapes

    def state_dict(self) -> dict[str, Any]:
        """Return the shapes so far: a resumed run compiles where an unbroken one does."""
        return {"counts": dict(self._counts), "shapes": self.shapes} if self._counts else {}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self._counts, self.shapes = dict(state_dict["counts"]), [*state_dict["shapes"]]
