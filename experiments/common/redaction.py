"""Removes secrets from everything that is logged: by the name of the key, by value, by shape."""

import os
import re
from argparse import Namespace
from collections.abc import Mapping
from pathlib import Path
from typing import Any

HIDDEN = "***"
# Names that hold a secret. `mask_token`, `tokens` or `tokenizer` are vocabulary, not secrets.
_NAME = re.compile(
    r"(^|_)((api|access|private|secret|signing|encryption)_?key|secret|passw(or)?d|passphrase"
    r"|authorization|credentials?"
    r"|((auth|access|api|bearer|hf|hub|hugging_?face|github|wandb|session|refresh)_?)token)$"
    r"|^token$",
    re.IGNORECASE,
)
_ENVIRONMENT = re.compile(r"KEY|TOKEN(?!IZER)|SECRET|PASSW(OR)?D|CREDENTIAL")
# Shapes of the common services' tokens: one digit is asked for, so that words do not match.
_SHAPE = re.compile(
    r"\b(?:hf_(?=\w*\d|[a-zA-Z]{30})[a-zA-Z0-9]{16,}|sk-(?=[\w-]*\d)[\w-]{16,}"
    r"|gh[opsur]_[a-zA-Z0-9]{16,}|github_pat_\w{20,}|glpat-[\w-]{16,}|xox[abp]-[\w-]{10,}"
    r"|wandb_v\d_\w{16,}|AKIA[A-Z0-9]{16}|eyJ[\w-]{10,}\.[\w-]+\.[\w-]+)"
)
_USERINFO = re.compile(r"(?<=://)(?!git@)[^/\s@]+(?=@)")
_QUERY = re.compile(r"([?&][^=&\s]*(?:token|key|secret|password|signature)=)[^&\s]+", re.I)


def redact(value: Any) -> Any:
    """A copy of a config as plain dicts and lists, in which *** replaces every secret."""
    return _redact(value, _secrets_of_environment())


def redact_argv(argv: list[str]) -> list[str]:
    """A copy of a command line in which *** replaces the value of every secret flag."""
    secrets, clean, hide_next = _secrets_of_environment(), [], False
    for argument in argv:
        flag, equals, _ = argument.partition("=")
        secret_flag = flag.startswith("-") and _is_secret(flag.lstrip("-").rpartition(".")[2])
        if hide_next and not argument.startswith("--"):
            clean.append(HIDDEN)
        elif secret_flag and equals:
            clean.append(f"{flag}={HIDDEN}")
        else:
            clean.append(_redact(argument, secrets))
        hide_next = secret_flag and not equals
    return clean


def _redact(value: Any, secrets: list[str]) -> Any:
    if isinstance(value, Namespace):
        value = vars(value)
    if isinstance(value, Mapping):
        return {
            str(k): HIDDEN if v and v is not True and _is_secret(k) else _redact(v, secrets)
            for k, v in value.items()
        }
    if isinstance(value, (list, tuple, set)):
        return [_redact(item, secrets) for item in value]
    if isinstance(value, Path):
        value = str(value)
    if not isinstance(value, str):
        return value
    for secret in secrets:
        value = value.replace(secret, HIDDEN)
    value = _QUERY.sub(rf"\1{HIDDEN}", _USERINFO.sub(HIDDEN, value))
    return _SHAPE.sub(HIDDEN, value)


def _is_secret(key: Any) -> bool:
    return bool(_NAME.search(str(key).replace("-", "_").rpartition(".")[2]))


def _secrets_of_environment() -> list[str]:
    """The values of environment variables whose names announce a secret, the longest first."""
    values = {v for name, v in os.environ.items() if _ENVIRONMENT.search(name.upper())}
    # Short values would blank out words; a path (HF_TOKEN_PATH) is a place, not a secret.
    return sorted((v for v in values if len(v) >= 8 and not os.path.exists(v)), key=len)[::-1]
