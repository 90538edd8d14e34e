"""A tokenizer for the corpus: trained on it, with every token that an objective needs, or given."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from datatrove.pipeline.base import PipelineStep

from datamodules import packaged
from datamodules.pipeline.duplicates import Drops
from datamodules.pipeline.records import read
from datamodules.pipeline.screening import kept_files, without
from datamodules.pipeline.settings import Settings

TRAINED = ("bpe", "wordpiece", "unigram")
# Padding, unknown, start and end (autoregressive), mask (masked, replaced token), and what stands
# before and between segments (sentence pairs, permutation).
SPECIAL = {
    "pad_token": "[PAD]",
    "unk_token": "[UNK]",
    "cls_token": "[CLS]",
    "sep_token": "[SEP]",
    "mask_token": "[MASK]",
    "bos_token": "<s>",
    "eos_token": "</s>",
}
_CHARACTERS = 200_000_000  # of a large corpus; more no longer changes the vocabulary


class Tokenizer(PipelineStep):
    """Writes ``tokenizer/``. One task."""

    name, type = "tokenizer", "TOKENIZER"

    def __init__(self, settings: Settings) -> None:
        super().__init__()
        self.settings = settings

    def run(self, data: Any = None, rank: int = 0, world_size: int = 1) -> None:
        made, kind = self.settings.folder / "tokenizer", self.settings.tokenizer
        scratch = self.settings.work / "tokenizer"
        if kind in TRAINED:
            texts = _sample(self.settings.work)
            tokenizer = train(kind, texts, self.settings.vocabulary)
        else:
            tokenizer = packaged.load_tokenizer(kind)
        tokenizer.save_pretrained(scratch)
        shutil.rmtree(made, ignore_errors=True)
        scratch.rename(made)


def _sample(work: Path) -> Iterator[str]:
    """All texts, or of a large corpus every n-th."""
    files, dropped = kept_files(work), Drops.load(work)
    size = sum(path.stat().st_size for path in files) * 3  # compressed to about a third
    step = -(-size // _CHARACTERS)
    for task, path in enumerate(files):
        for number, row in without(read(path, ["text"]), dropped.get(task, set())):
            if number % step == 0:
                yield row["text"]


def train(kind: str, texts: Iterator[str], vocabulary: int) -> Any:
    """A fast tokenizer with the seven special tokens.

    ``bpe`` works on bytes and knows every character (Radford et al. 2019); ``wordpiece`` (Schuster
    & Nakajima 2012) and ``unigram`` (Kudo 2018) turn characters that were too rare into [UNK].
    """
    from tokenizers import Tokenizer as Fast
    from tokenizers import decoders, models, normalizers, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    special = list(SPECIAL.values())
    options = {"vocab_size": vocabulary, "special_tokens": special, "show_progress": False}
    if kind == "bpe":
        fast = Fast(models.BPE())
        fast.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
        fast.decoder = decoders.ByteLevel()
        alphabet = pre_tokenizers.ByteLevel.alphabet()
        trainer = trainers.BpeTrainer(initial_alphabet=alphabet, **options)
    elif kind == "wordpiece":
        fast = Fast(models.WordPiece(unk_token="[UNK]"))
        fast.normalizer = normalizers.BertNormalizer(lowercase=False, strip_accents=False)
        fast.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
        fast.decoder = decoders.WordPiece()
        trainer = trainers.WordPieceTrainer(**options)
    else:
        fast = Fast(models.Unigram())
        fast.pre_tokenizer = pre_tokenizers.Metaspace()
        fast.decoder = decoders.Metaspace()
        trainer = trainers.UnigramTrainer(unk_token="[UNK]", **options)
    fast.train_from_iterator(texts, trainer)
    if fast.get_vocab_size() < len(special) + 1:
        raise ValueError(f"--tokenizer {kind}: the corpus is too small to train one")
    return PreTrainedTokenizerFast(tokenizer_object=fast, **SPECIAL)


def end_of_document(tokenizer: Any) -> int:
    """The token that ends every document: the end of a text, or what separates two."""
    for token in (tokenizer.eos_token_id, tokenizer.sep_token_id):
        if token is not None:
            return token
    raise ValueError(
        "--tokenizer: it has neither an end-of-text nor a separator token to end documents with"
    )


def check(kind: str, vocabulary: int) -> None:
    """Refuse what would only fail after the work of the stages before."""
    if kind not in TRAINED:
        try:
            tokenizer = packaged.load_tokenizer(kind)
        except (OSError, ValueError) as error:
            reason = str(error).strip().split("\n")[0]
            raise ValueError(
                f"--tokenizer {kind}: neither {', '.join(TRAINED)} nor a tokenizer ({reason})"
            ) from error
        if not tokenizer.is_fast:
            raise ValueError(f"--tokenizer {kind}: has no fast tokenizer, which is needed here")
        end_of_document(tokenizer)
    least = len(SPECIAL) + (257 if kind == "bpe" else 1)
    if kind in TRAINED and vocabulary < least:
        raise ValueError(f"--vocabulary {vocabulary}: {kind} needs at least {least}")
