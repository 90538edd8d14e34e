"""Batches without padding: a network reads the texts of a batch behind one another, in one row."""

import functools
import inspect
from collections.abc import Callable, Mapping
from typing import Any

import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from torch import Tensor

from datamodules.argument_names import in_arguments
from modules import varlen_attention
from modules.backbones import position_offset, without_cache
from modules.causal_checks import probe_rows, probing, same
from modules.compiling import bodies_of, check_trains_network, has_prefix, replace_forward
from modules.cross_entropy import pad_to_multiple
from modules.self_check import architecture_key, recalled
from modules.varlen_attention import Joined

_TOKENS = ("input_ids", "inputs_embeds", "token_type_ids")  # what has a value for each token
# The fields of a config with the tokens that a layer sees, where it does not see a whole row.
_WINDOWS = ("sliding_window", "local_attention", "attention_chunk_size")
_ROUNDING = 1e-4  # of states, as a share of the largest


class PaddingFree(Callback):
    """Has the networks of a module leave out the padding of their batches.

    The texts of a batch lie behind one another in one row, with position ids that begin anew, and
    attention is among the tokens of each text; on a GPU in 16 bits by a kernel for texts of
    different lengths. Losses and gradients are the same but for rounding; dropout draws other
    numbers. A batch without padding, and one with a text longer than what a layer sees, run as
    they are.

    Args:
        enabled: Whether it does so; a run has the callback in any case.
    """

    def __init__(self, enabled: bool = True) -> None:
        self.enabled = enabled
        self._undo: list[Callable[[], None]] = []

    @in_arguments
    def check(self, module: Any) -> None:
        """Refuse a module with a network that cannot read texts behind one another.

        Raises:
            ValueError: If there is one.
        """
        if not self.enabled:
            return
        lead = f"--padding_free true: {type(module).__name__}"
        check_trains_network(module, lead, bodies := bodies_of(module))
        if has_prefix(module):
            raise ValueError(
                f"{lead}: a prefix of keys and values stands before each row; leave it out, or "
                f"take --model PromptTuning"
            )
        for body in bodies:
            key = [*architecture_key(body), str(next(body.parameters()).dtype)]
            found = recalled("padding_free", key, functools.partial(_answer, body))
            if not found.get("holds"):
                raise ValueError(
                    f"{lead}: {body.config.model_type} cannot keep texts apart that lie behind one "
                    f"another; leave it out"
                )

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self.check(pl_module)
        if self.enabled:
            self.install(pl_module)

    def install(self, module: Any) -> None:
        """Have the bodies of a module's networks leave out padding, until :meth:`remove`."""
        self._undo = [_install(body) for body in bodies_of(module)]

    def remove(self) -> None:
        """Leave the module as it was."""
        while self._undo:
            self._undo.pop()()

    def on_fit_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self.remove()

    def on_exception(
        self, trainer: Trainer, pl_module: LightningModule, exception: BaseException
    ) -> None:
        self.remove()


def _joined(given: Mapping[str, Any], offset: int, window: float) -> Joined | None:
    """Join the texts of a batch; None where nothing is won, or the inputs are of another kind.

    Args:
        given: The inputs of a network by name.
        offset: The position of a text's first token.
        window: The most tokens of a text that all layers see whole.
    """
    tokens = {name: given[name] for name in _TOKENS if isinstance(given.get(name), Tensor)}
    mask, positions = given.get("attention_mask"), given.get("position_ids")
    shape = next((value.shape[:2] for value in tokens.values()), (0, 0))
    about = [one for one in (*tokens.values(), mask, positions) if one is not None]
    known = {*tokens, "attention_mask", "position_ids"}
    plain = (bool, int, float, str, type(None))  # a tensor or a cache would be of padded rows
    others = [name for name, v in given.items() if name not in known and not isinstance(v, plain)]
    if others or not all(isinstance(one, Tensor) and one.shape[:2] == shape for one in about):
        return None
    if any(one.ndim != 2 for one in (mask, positions) if one is not None):
        return None
    here_BT = torch.ones(shape, device=about[0].device) if mask is None else mask
    count_BT, here_BT = here_BT.long().cumsum(1), here_BT.bool()
    begins_BT = (count_BT == 1) if positions is None else (count_BT == 1) | (positions == 0)
    if positions is None:
        positions = count_BT - 1 + offset
    places_N = here_BT.flatten().nonzero()[:, 0]
    starts = begins_BT.flatten()[places_N].nonzero()[:, 0]
    starts = torch.cat([starts, starts.new_tensor([len(places_N)])]).int()
    longest = int(starts.diff().max()) if len(places_N) else 0
    if (len(places_N) == here_BT.numel() and len(starts) == len(here_BT) + 1) or not longest:
        return None
    if longest > window:
        return None
    inputs: dict[str, Any] = {
        name: pad_to_multiple(value.flatten(0, 1)[places_N].view(len(places_N), -1))
        for name, value in {**tokens, "position_ids": positions}.items()
    }
    inputs = {n: v[None] if n == "inputs_embeds" else v.T for n, v in inputs.items()}
    apart: dict[str, Any] = {"cu_seq_lens_q": starts, "cu_seq_lens_k": starts}
    apart |= {"max_length_q": longest, "max_length_k": longest}
    return Joined({**inputs, **apart, "attention_mask": None}, places_N, tuple(here_BT.shape))


def _parted(body: Any, made: Any, joined: Joined) -> Any:
    """Give outputs the shape of the batch, with zeros for padding."""
    rows, length = joined.shape
    count = len(joined.places_N)

    def part(states_1NH: Tensor) -> Tensor:
        whole = states_1NH.new_zeros(rows * length, states_1NH.shape[-1])
        whole = whole.index_copy(0, joined.places_N, states_1NH[0, :count])
        return whole.view(rows, length, -1)

    made["last_hidden_state"] = part(made["last_hidden_state"])
    if made.get("hidden_states") is not None:
        made["hidden_states"] = tuple(map(part, made["hidden_states"]))
    if made.get("pooler_output") is not None:  # of the first token of each row
        made["pooler_output"] = body.pooler(made["last_hidden_state"])
    return made


def _install(body: Any) -> Callable[[], None]:
    """Replace the method of a body, and its attention; return a function that undoes that."""
    plain, other = body.forward, body.config._attn_implementation
    # What a step needs of the network, asked once.
    signature, settled = inspect.signature(plain), without_cache(body)
    offset, window = position_offset(body), _window(body)

    @functools.wraps(plain)  # peft reads the names of its arguments
    def forward(*args: Any, **settings: Any) -> Any:
        given = _given(signature, args, settings)
        joined = _joined(given, offset, window)
        if joined is None:
            return plain(*args, **settings)
        with varlen_attention.running(joined):
            made = plain(**{**given, **joined.inputs, **settled})
        return _parted(body, made, joined)

    put_back = replace_forward(body, forward)
    body.set_attn_implementation(varlen_attention.PREFIX + other)

    def undo() -> None:
        put_back()
        body.set_attn_implementation(other)

    return undo


def _given(signature: inspect.Signature, args: tuple, settings: dict) -> dict[str, Any]:
    """Return the arguments of a call by name."""
    found: dict[str, Any] = {}
    for name, value in signature.bind(*args, **settings).arguments.items():
        more = signature.parameters[name].kind is inspect.Parameter.VAR_KEYWORD
        found |= value if more else {name: value}
    return found


def _window(body: Any) -> float:
    """Return the most tokens of a text that all layers see whole."""
    fields = [getattr(body.config.get_text_config(), name, None) for name in _WINDOWS]
    # Of some families a window lies on both sides of a token.
    return min((one // 2 for one in fields if one), default=float("inf"))


def _answer(body: Any) -> dict[str, Any]:
    """Tell whether a network gives the states of padded rows to rows without padding."""
    tokens = int(min(12, _window(body)))
    if body.config._attn_implementation not in varlen_attention.OTHERS or tokens < 4:
        return {"holds": False}
    ids_BT = probe_rows(body, 3, tokens)
    mask_BT = torch.ones_like(ids_BT)
    mask_BT[1, tokens // 2 :] = 0
    inputs = {"input_ids": ids_BT, "attention_mask": mask_BT}
    if _joined(inputs, position_offset(body), tokens) is None:
        return {"holds": False}
    with probing(body):
        try:
            wanted = body(**inputs)
            undo = _install(body)
            try:
                if not body.config._attn_implementation.startswith(varlen_attention.PREFIX):
                    return {"holds": False}  # its attention is its own
                found = body(**inputs)
            finally:
                undo()
        except torch.OutOfMemoryError:
            raise
        except (RuntimeError, ValueError, TypeError, KeyError, IndexError, AttributeError):
            return {"holds": False}  # it takes no such inputs
    here, states = mask_BT.bool(), "last_hidden_state"
    pairs = [(wanted[states][here], found[states][here])]
    if wanted.get("pooler_output") is not None:
        pairs.append((wanted["pooler_output"], found["pooler_output"]))
    return {"holds": all(same(one, other, _ROUNDING) for one, other in pairs)}
