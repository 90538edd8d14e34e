"""What is found out of a network when a strategy is built on it, and what is checked of both."""

import copy
from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor
from transformers import PreTrainedModel

from modules import backbones, causal_checks, layout, self_check
from modules.backbones import unwrap
from modules.causal_checks import ALONE
from modules.encoding import soft_prompt_tokens
from modules.finetuning import padding, quantization
from modules.finetuning.freezing import free_inner_classifiers, freeze_unreached
from modules.finetuning.targets import head_modules
from modules.notices import note
from modules.packed_layer import Bits
from modules.probing import probe_batch
from modules.tasks.pooled_network import LinearHead


class Subject(NamedTuple):
    """A module to check: its task, a copy of its model, and two rows for them."""

    task: Any
    model: Any
    batch: dict[str, Any]


def survey(model: Any, task: Any, backbone: str, dropout: float | None) -> None:
    """Set ``model.layout``, and the side that it needs padding on as ``model.padding_side``.

    Raises:
        ValueError: If the network cannot run, or its logits depend on padding on either side.
    """
    kind = model.config.model_type

    def look() -> dict[str, Any]:
        subject = _represent(model, task, backbone, dropout)
        batch = subject.task.prepare(subject.batch, True)

        def run(net: Any) -> Tensor:
            made = subject.task.logits(net, batch)
            if made.isnan().any():
                raise ValueError(f"--model.backbone {backbone}: {kind} gives outputs that are NaN")
            return made

        found = layout.survey(subject.model, run)
        if causal_checks.reads_each_token_alone(subject.model):
            raise ValueError(f"--model.backbone {backbone}: {kind} {ALONE}")
        sides = padding.sides(subject)
        return {"layout": found, "padding_side": sides[0] if sides else None}

    key = [self_check.architecture_key(model), repr(type(task)), task.pooling]
    try:
        found = self_check.recalled("layouts", key, look)
    except Exception as error:
        if _foreign(task):  # it may need other rows than it is tried on
            model.padding_side = "right"
            return
        if not self_check.from_library(error):
            raise
        raise ValueError(
            f"--model.backbone {backbone}: {kind} fails in transformers' "
            f"{type(model).__name__} ({self_check.one_line(error)})"
        ) from error
    model.layout = layout.Layout(*found["layout"])
    model.padding_side = found["padding_side"]
    if model.padding_side is None:
        raise ValueError(
            f"--model.backbone {backbone}: {kind} reads the padding of a batch, so that what it "
            f"says of a text would depend on the other texts"
        )


def _foreign(*parts: Any) -> bool:
    """Tell whether a class is of someone else's."""
    return not all(type(part).__module__.startswith("modules.") for part in parts)


def _represent(model: Any, task: Any, backbone: str, dropout: float | None) -> Subject:
    """Return a copy of the model, or a small one of its class where it is large."""
    made, chosen = None, task
    if sum(p.numel() for p in model.parameters()) > self_check.LARGEST:
        chosen = copy.copy(task)
        made = small_one(lambda: chosen.build(backbone, dropout))
    made = made or self_check.copied(model)
    return Subject(chosen, made, probe_batch(task, made, backbone))


def small_one(build: Callable[[], Any]) -> Any:
    """Return what a function builds of small networks; None if they do not run."""
    with backbones.small():
        try:
            made = build()
            net = unwrap(made)
            end = net.config.get_text_config().eos_token_id or 0  # of a chat's decoder, several
            ids_BT = torch.tensor([[3, 4, 5, end[0] if isinstance(end, list) else end]])
            net(input_ids=ids_BT, attention_mask=torch.ones_like(ids_BT))
        except Exception:  # what can go wrong with sizes that nobody has tried
            return None
    return made


def trains_in_part(subject: Subject) -> str | None:
    """Take the gradient of the loss: it is finite, and each parameter that trains has one."""
    batch = subject.task.prepare(subject.batch, True)
    logits = subject.task.logits(subject.model, batch)
    # The loss of an evaluation: the rows that balance the weights of classes are not known yet.
    loss = subject.task.loss(logits, {**batch, "training": False})
    if not loss.isfinite():
        return f"its loss on two short texts is {loss.item()}"
    trains = {n: p for n, p in subject.model.named_parameters() if p.requires_grad}
    if not trains:
        return None
    grads = torch.autograd.grad(loss, list(trains.values()), allow_unused=True)
    held = {layout.numberless(n) for n, g in zip(trains, grads, strict=True) if g is not None}
    idle = [name for name in trains if layout.numberless(name) not in held]
    if idle:
        return f"{len(idle)} of {len(trains)} parameters that train get no gradient: {idle[0]}"
    return None


CHECKS: list[self_check.Check[Subject]] = [trains_in_part, padding.reads_padding]


def adapted(module: Any, backbone: str, dropout: float | None, quantize: Bits | None = None) -> Any:
    """Return the model of a module's task as its strategy changes it, and then quantised.

    Raises:
        ValueError: If the two do not go together; a library's error becomes one line that names the
            family.
    """
    try:
        model = module.task.build(backbone, dropout)
    except Exception as error:
        if not self_check.from_library(error) or str(error).startswith("--"):
            raise
        raise ValueError(
            f"--model.backbone {backbone}: does not go with --model.task "
            f"{type(module.task).__name__} ({self_check.one_line(error)})"
        ) from error
    matrices = quantization.matrices(model, quantize) if quantize else []
    if not isinstance(model, PreTrainedModel):  # a network of one's own
        try:
            return module.adapt(model)
        except AttributeError as error:
            raise ValueError(
                f"--model {type(module).__name__}: looks for the layers of a PreTrainedModel of "
                f"transformers, and the task's network is a {type(model).__name__} ({error})"
            ) from error
    survey(model, module.task, backbone, dropout)
    kind = model.config.model_type
    if isinstance(model, LinearHead):
        module.own_format = True  # transformers has no class that would load it: see exporting.py
    heads = head_modules(model)
    try:
        made = module.adapt(model)
        if not isinstance(made, torch.nn.Module):
            raise ValueError(
                f"--model {type(module).__name__}: its adapt must return the network, and returns "
                f"a {type(made).__name__}"
            )
        made = freeze_unreached(free_inner_classifiers(made, heads))
        if quantize:
            quantization.quantize(matrices, quantize, type(module).__name__)
        module.task.read_model(made)
        return made
    except Exception as error:
        if not self_check.from_library(error):
            raise
        raise ValueError(
            f"--model {type(module).__name__}: does not go with {kind} "
            f"({self_check.one_line(error)})"
        ) from error


def before_run(module: Any, stage: str) -> None:
    """Refuse a Trainer that cannot hold the module, and say before a fit what it begins from.

    That is what quantised matrices take, and which parameters the backbone's files do not hold, and
    which of those stay so.

    Raises:
        ValueError: If the Trainer splits weights that are quantised.
    """
    quantization.check_strategy(module)
    new = list(getattr(module.model, "new_parameters", []))
    # The others are as the architecture has them, such as positions by sine.
    new = [name for name in new if layout.reached(unwrap(module.model), name)]
    if stage == "fit" and (held := quantization.described(module.model)):
        note(held)
    if not new or stage != "fit":
        return
    backbone = module.hparams["backbone"]
    trains: dict[str, bool] = {}
    for name, parameter in module.model.named_parameters():
        plain = layout.bare_name(name).replace(".modules_to_save.default", "")
        trains[plain] = trains.get(plain, False) or parameter.requires_grad
    still = [name for name in new if not trains.get(name)]
    tail = f"; frozen as they were drawn: {', '.join(still[:4])}" if still else ""
    more = f" and {len(new) - 4} more" if len(new) > 4 else ""
    note(f"{backbone}: its files do not hold {', '.join(new[:4])}{more}, random at first{tail}")


def _room(module: Any) -> int:
    """Return the tokens of a row that fit beside a soft prompt, with two to spare for padding."""
    if (positions := backbones.context_length(module.model)) is None:
        return 1 << 20
    return positions - soft_prompt_tokens(module.model) - module.task.overhead - padding.WIDER


def check(module: Any) -> None:
    """Run the checks on a module of a strategy that has just been built.

    Raises:
        ValueError: If it fails one.
    """
    if not isinstance(unwrap(module.model), PreTrainedModel):
        return
    settings, room = dict(module.hparams), _room(module)
    if room < 2:  # a soft prompt leaves less than two rows of different length need
        return
    backbone, kind = settings["backbone"], unwrap(module.model).config.model_type

    def make() -> Subject:
        model, task = None, module.task
        if quantization.num_parameters(module.model) > self_check.LARGEST:
            with self_check.disabled():
                small = small_one(lambda: type(module)(**settings).model)
            model = small and small.eval()
        model = model or self_check.copied(module.model)
        return Subject(task, model, probe_batch(task, model, backbone, room))

    rest = {name: value for name, value in settings.items() if name != "backbone"}
    names = sorted(n for n, p in module.model.named_parameters() if p.requires_grad)
    key = [
        self_check.architecture_key(unwrap(module.model)),
        type(module).__qualname__,
        rest,
        names,
    ]
    lead, lenient = f"--model {type(module).__name__}: {kind}", _foreign(module, module.task)
    self_check.run_checks(CHECKS, make, key, lead, lenient)
