"""Where the files of a backbone lie: a bundled name, a hub id or a local folder."""

from pathlib import Path

from datamodules import packaged, reachability
from datamodules.spelling import did_you_mean
from modules.no_backbone import no_backbone

WEIGHTS = ("model*.safetensors*", "pytorch_model*.bin*")  # the first that a folder has


def resolve(backbone: str) -> str:
    """Return the folder or hub id that ``from_pretrained`` takes.

    Raises:
        ValueError: If the name is neither bundled nor a folder nor on the hub.
    """
    if backbone in packaged.BACKBONES:
        return packaged.locate(backbone)
    folder = Path(backbone).expanduser()
    if folder.exists():
        if reason := no_backbone(folder):
            raise ValueError(f"--model.backbone {backbone}: {reason}")
        return str(folder)
    from huggingface_hub import hf_hub_download, try_to_load_from_cache
    from huggingface_hub.errors import (
        EntryNotFoundError,
        GatedRepoError,
        HFValidationError,
        LocalEntryNotFoundError,
        RepositoryNotFoundError,
    )

    try:
        cached = isinstance(try_to_load_from_cache(backbone, "config.json"), str)
        # A dead network is found out in seconds; the download would try again for half a minute.
        hf_hub_download(
            backbone, "config.json", local_files_only=cached or not reachability.reachable()
        )
        return backbone
    except GatedRepoError:
        raise ValueError(
            f"--model.backbone {backbone}: no permission; ask for access on its page at the hub, "
            f"then run `hf auth login`"
        ) from None
    except LocalEntryNotFoundError:
        reason = "and the hub does not answer"
    except EntryNotFoundError:
        raise ValueError(
            f"--model.backbone {backbone}: on the hub, and no network (it has no config.json); "
            f"download an adapter (`hf download {backbone} --local-dir FOLDER`) and merge it "
            f"(`pretune merge FOLDER`)"
        ) from None
    except (HFValidationError, RepositoryNotFoundError) as error:
        reason = f"not on the hub either ({type(error).__name__})"
    except (OSError, ValueError):
        reason = "and the hub does not answer"
    raise ValueError(
        f"--model.backbone {backbone}: neither bundled ({', '.join(packaged.BACKBONES)}) nor a "
        f"folder, {reason}{did_you_mean(backbone, packaged.BACKBONES, 0.5)}"
    )


def weight_files(backbone: str) -> list[Path]:
    """Return the weight files of a backbone that has been loaded before.

    Raises:
        ValueError: If there are none.
    """
    from transformers.utils import cached_file

    file = cached_file(resolve(backbone), "config.json")
    assert file is not None  # cached_file raises where there is none
    folder = Path(file).parent
    for pattern in WEIGHTS:
        if files := sorted(folder.glob(pattern)):
            return files
    raise ValueError(f"--model.backbone {backbone}: no weights in {folder}")
