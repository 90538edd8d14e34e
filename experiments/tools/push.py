"""Is my model on the hub? Uploads the export of a run, or a merged folder, to Hugging Face.

    python experiments/tools/push.py last my-model --private
    python experiments/tools/push.py outputs/lora_sst2/RUN/merged ORGANISATION/my-model

The token is that of `hf auth login` or HF_TOKEN. The folder is opened first, so that nothing half
written is uploaded. A repository that holds files already is left alone; `--replace` puts the
folder in their place, in one commit.
"""

import argparse
import sys
from pathlib import Path
from typing import Any

from experiments.common.arguments import FlagParser
from experiments.common.exits import guarded, one_line
from experiments.common.shell import command_name
from experiments.tools.finished_exports import find_export

_SHOWN = 3  # files that a message names


def main() -> None:
    """Uploads an export, and prints its address."""
    with guarded(command_name()):
        asked = _parse()
        source = find_export(asked.model, asked.runs)
        token = _token()
        # torch and transformers, which --help and a mistake in the arguments spare
        from modules.export_check import check_complete

        check_complete(source)
        made = _pushed(source, asked, token)
        print(f"pushed {made}")
        if not (source / "config.json").is_file():
            print(f"opens  from a download alone: hf download {made.repo_id} --local-dir FOLDER")


def _token() -> str:
    """The token of the hub.

    Raises:
        ValueError: If there is none, or the hub does not answer.
    """
    from huggingface_hub import constants, get_token

    from datamodules.reachability import reachable

    if constants.HF_HUB_OFFLINE:
        raise ValueError("HF_HUB_OFFLINE is set: unset it to push to the hub")
    if not (token := get_token()):
        raise ValueError("no token for the hub: run `hf auth login`, or set HF_TOKEN")
    if not reachable():
        raise ValueError(f"the hub at {constants.ENDPOINT} does not answer; try again later")
    return token


def _pushed(source: Path, asked: argparse.Namespace, token: str) -> Any:
    """Uploads a folder; returns the address of the repository, with its name as ``repo_id``.

    Raises:
        ValueError: If the hub refuses it, or the upload breaks off.
    """
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError
    from huggingface_hub.utils import disable_progress_bars, validate_repo_id

    if not sys.stderr.isatty():
        disable_progress_bars()
    api, name = HfApi(token=token), asked.name
    try:
        validate_repo_id(name)
        name = name if "/" in name else f"{api.whoami()['name']}/{name}"
        full = _check_repository(api, name, asked)
        if not full:
            api.create_repo(name, private=asked.private, exist_ok=True)
        done = api.upload_folder(
            repo_id=name,
            folder_path=source,
            ignore_patterns=[".*"],
            commit_message="Upload by Pretune",
            delete_patterns="*" if full else None,
        )
        return done.repo_url
    except HFValidationError as error:
        raise ValueError(f"{asked.name}: no name on the hub ({one_line(error)})") from error
    except HfHubHTTPError as error:
        status = error.response.status_code
        reasons = {
            401: "the hub does not take the token; run `hf auth login` again, or check HF_TOKEN",
            403: "the token may not write there; it needs the right to write",
        }
        reason = reasons.get(status) or f"the hub refused it ({_safe(error, token)})"
        raise ValueError(f"{name}: {reason}") from error
    except ValueError:
        raise
    except Exception as error:  # of the connection, of many types
        reason = f"the upload broke off ({_safe(error, token)}); the same command begins it again"
        raise ValueError(f"{name}: {reason}") from error


def _check_repository(api: Any, name: str, asked: argparse.Namespace) -> bool:
    """Tells whether there is a repository with files, which may be replaced.

    Raises:
        ValueError: If there is one that may not, or that everybody sees under ``--private``.
    """
    from huggingface_hub.errors import RepositoryNotFoundError

    try:
        known = api.model_info(name)
    except RepositoryNotFoundError:
        return False
    if asked.private and not known.private:
        raise ValueError(f"--private: {name} is there already and public; make it private first")
    files = [one.rfilename for one in known.siblings or [] if one.rfilename != ".gitattributes"]
    if files and not asked.replace:
        shown = ", ".join(files[:_SHOWN]) + ", ..." * (len(files) > _SHOWN)
        raise ValueError(
            f"{name}: holds {len(files)} files already ({shown}); --replace puts this folder in "
            f"their place"
        )
    return bool(files)


def _safe(error: Exception, token: str) -> str:
    return one_line(error).replace(token, "...")


def _parse() -> argparse.Namespace:
    parser = FlagParser(__doc__)
    add = parser.add_argument
    add("model", metavar="RUN", help="Run: last, its id or folder; or the folder of an export")
    add("name", metavar="NAME", help="Repository: its name, or OWNER/NAME")
    add("--private", action="store_true", help="Make the repository private")
    add("--replace", action="store_true", help="Replace the files that the repository holds")
    add("--runs", default="outputs", help="Folder in which all runs are kept (outputs)")
    return parser.parse_args()


if __name__ == "__main__":
    main()
