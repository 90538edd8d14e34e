"""Pretrained models, loaded from a bundled name, a hub id or a local folder."""

import contextlib
import inspect
from collections.abc import Container, Iterator
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

import torch

from modules.backbone_files import resolve
from modules.kernels import attn_implementation
from modules.shrinking import shrunk

if TYPE_CHECKING:  # transformers takes a second to import, and some commands do without it
    from transformers import PreTrainedModel


class UnknownFamily(ValueError):
    """A network that is whole, and whose class nobody has registered."""


_small = ContextVar("small", default=False)


@contextlib.contextmanager
def small() -> Iterator[None]:
    """Make small random networks of the same class in place of loading the backbones' weights."""
    token = _small.set(True)
    try:
        yield
    finally:
        _small.reset(token)


def knows(auto_class: Any, backbone: str) -> bool:
    """Tell whether an ``AutoModel`` class of transformers has one for the backbone's family."""
    return type(_read(backbone, {})) in auto_class._model_mapping


def load_backbone(
    auto_class: Any, backbone: str, dropout: float | None = None, **fields: Any
) -> "PreTrainedModel":
    """Load a pretrained model in fp32.

    Args:
        auto_class: A class of transformers, such as ``AutoModel``, or a function that returns the
            class for a config.
        backbone: A bundled name, a hub id or a folder.
        dropout: The rate that replaces every dropout rate of the architecture's own.
        fields: Values to set in the model's config.

    Returns:
        The model. Its attribute ``new_parameters`` names the parameters that the backbone's files
        do not hold, such as those of a task's head.

    Raises:
        ValueError: If it cannot be read, or transformers has no such class for its family.
    """
    from transformers.utils import logging

    config = _read(backbone, fields)
    if dropout is not None:
        set_dropout(config, dropout, fields)
    if _small.get():
        config = shrunk(config)
    made_by = auto_class
    if not hasattr(auto_class, "_model_mapping"):
        made_by = auto_class(config)
    elif type(config) not in auto_class._model_mapping:
        raise ValueError(
            f"--model.backbone {backbone}: transformers has no {auto_class.__name__} of "
            f"{config.model_type}, which this task needs"
        )
    verbosity = logging.get_verbosity()
    # The load report lists the new head's weights, which every fine-tuning run has.
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    settings: dict[str, Any] = {"attn_implementation": attn_implementation(auto_class, config)}
    try:
        if _small.get():
            make = getattr(made_by, "from_config", getattr(made_by, "_from_config", None))
            assert make is not None  # an AutoModel class has the first, a model's the second
            model = make(config, **settings).eval()
            model.new_parameters = []
            return model
        settings |= {"config": config, "dtype": torch.float32, "output_loading_info": True}
        model, loading = made_by.from_pretrained(resolve(backbone), **settings)
        model.new_parameters = sorted(loading["missing_keys"])
        return model
    except OSError as error:
        first = str(error).strip().splitlines()[0]
        raise ValueError(f"--model.backbone {backbone}: {first}") from error
    finally:
        logging.set_verbosity(verbosity)


def _read(backbone: str, fields: dict[str, Any]) -> Any:
    from transformers import AutoConfig

    place = resolve(backbone)
    try:
        return AutoConfig.from_pretrained(place, **fields)
    except (OSError, ValueError) as error:  # the second of a family that transformers has not
        first = str(error).strip().splitlines()[0]
        if "does not recognize this architecture" in first:
            raise UnknownFamily(
                f"--model.backbone {backbone}: its config names a family that transformers does "
                f"not know: update transformers, or import the file that registers a family of "
                f"your own first"
            ) from error
        raise ValueError(f"--model.backbone {backbone}: {first}") from error


def set_dropout(
    config: Any, rate: float, fixed: Container[str] = (), flag: str = "--model.backbone_dropout"
) -> None:
    """Set every dropout rate of an architecture, of whichever part, and not layerdrop.

    Raises:
        ValueError: If there is none, and the rate is not 0.
    """
    found, kind = 0, config.model_type
    for part in filter(None, [config, *(getattr(config, n, None) for n in config.sub_configs)]):
        for name, value in vars(part).items():
            # Whole layers, or branches with drop_path, are another thing to leave out.
            rates = "dropout" in name or name.endswith("drop")
            number = isinstance(value, int | float) and not isinstance(value, bool)
            if rates and "layer" not in name and number and name not in fixed:
                try:
                    setattr(part, name, rate)
                except Exception as error:  # as transformers declares MPT's, a whole number
                    if rate not in (0, 1):
                        raise ValueError(f"{flag} {rate:g}: {kind} takes 0 or 1") from error
                    setattr(part, name, int(rate))
                found += 1
    if rate and not found:
        raise ValueError(f"{flag} {rate:g}: {kind} has no dropout; 0 or nothing")


def unwrap(model: Any) -> Any:
    """Return the model of transformers inside a peft model; another model as it is."""
    return model.get_base_model() if hasattr(model, "get_base_model") else model


def without_cache(network: torch.nn.Module) -> dict[str, bool]:
    """Return the argument with which a network keeps no states for later tokens, if it takes one.

    In a run over whole rows nothing reads them, and a recurrent network overwrites them in place,
    which has no gradient.
    """
    known = inspect.signature(network.forward).parameters
    return {"use_cache": False} if "use_cache" in known else {}


def context_length(model: Any) -> int | None:
    """Return the number of positions of a backbone; None if it has no limit, or no config."""
    if not hasattr(model, "config"):  # a network of torch alone
        return None
    limit = getattr(model.config.get_text_config(), "max_position_embeddings", None)
    if limit is not None and limit < 1:  # how XLNet says that it has none
        return None
    return limit and limit - position_offset(model)


def position_offset(model: Any) -> int:
    """Return the position of a row's first token: RoBERTa and its kin count from behind padding."""
    limit = getattr(model.config.get_text_config(), "max_position_embeddings", None)
    for module in model.modules():
        if isinstance(module, torch.nn.Embedding) and module.num_embeddings == limit:
            return 0 if module.padding_idx is None else module.padding_idx + 1
    return 0
