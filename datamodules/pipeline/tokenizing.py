"""The tokenizer of a corpus: trained on it, with every token that an objective needs, or given."""

import io
import shutil
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from datatrove.pipeline.base import PipelineStep
from tokenizers import Tokenizer as Fast
from tokenizers import decoders, models, normalizers, pre_tokenizers, trainers

from datamodules import packaged
from datamodules.pipeline.duplicates import DroppedRows
from datamodules.pipeline.filtering import kept_files, remaining_rows
from datamodules.pipeline.settings import TRAINED, Settings
from datamodules.pipeline.stage_files import read_rows

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
_CHARACTERS = 100_000_000  # of a large corpus; more no longer changes the vocabulary


class Tokenizer(PipelineStep):
    """Trains or copies the tokenizer to ``tokenizer/``. One task."""

    name, type = "tokenizer", "TOKENIZER"

    def __init__(self, settings: Settings) -> None:
        super().__init__()
        self.settings = settings

    def run(self, data: Any = None, rank: int = 0, world_size: int = 1) -> None:
        made, kind = self.settings.folder / "tokenizer", self.settings.tokenizer
        scratch = self.settings.work / "tokenizer"
        if kind in TRAINED:
            texts = _sample(self.settings.work)
            tokenizer = train(kind, texts, self.settings.vocabulary, self.settings.lowercase)
        else:
            tokenizer = packaged.load_tokenizer(kind)
        tokenizer.save_pretrained(scratch)
        shutil.rmtree(made, ignore_errors=True)
        scratch.rename(made)


def _sample(work: Path) -> Iterator[str]:
    """All texts, or every n-th text of a large corpus."""
    files, dropped = kept_files(work), DroppedRows.load(work)
    size = sum(path.stat().st_size for path in files) * 3  # compressed to about a third
    step = -(-size // _CHARACTERS)
    for task, path in enumerate(files):
        for number, row in remaining_rows(read_rows(path, ["text"]), dropped.get(task, set())):
            if number % step == 0:
                yield row["text"]


def train(kind: str, texts: Iterator[str], vocabulary: int, lowercase: bool = False) -> Any:
    """Train a fast tokenizer with the seven special tokens; the same texts give the same tokenizer.

    ``bpe`` works on bytes and knows every character (Radford et al. 2019); ``wordpiece`` (Schuster
    & Nakajima 2012) and ``unigram`` (Kudo 2018) turn characters that were too rare into [UNK].
    """
    from transformers import PreTrainedTokenizerFast

    fast = {"bpe": _bpe, "wordpiece": _wordpiece, "unigram": _unigram}[kind](
        texts, vocabulary, lowercase
    )
    if fast.get_vocab_size() < len(SPECIAL) + 1:
        raise ValueError(f"--tokenizer {kind}: the corpus is too small to train one")
    return PreTrainedTokenizerFast(tokenizer_object=fast, **SPECIAL)


def _bpe(texts: Iterable[str], vocabulary: int, lowercase: bool) -> Fast:
    fast = Fast(models.BPE())
    if lowercase:
        fast.normalizer = normalizers.Lowercase()
    fast.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    fast.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary,
        special_tokens=list(SPECIAL.values()),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    fast.train_from_iterator(texts, trainer)
    return fast


def _wordpiece(texts: Iterable[str], vocabulary: int, lowercase: bool) -> Fast:
    """Rank the pieces into which merges split the corpus by their counts.

    The trainer of the library numbers them by a hash map's order, another one in every process.
    """
    normal = normalizers.BertNormalizer(lowercase=lowercase, strip_accents=False)
    split = pre_tokenizers.BertPreTokenizer()
    words: Counter[str] = Counter()
    for text in texts:
        words.update(word for word, _ in split.pre_tokenize_str(normal.normalize_str(text)))
    merges = Fast(models.BPE())
    trainer = trainers.BpeTrainer(vocab_size=vocabulary, show_progress=False)
    rows = (" ".join([word] * count) for word, count in sorted(words.items()))
    merges.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    merges.train_from_iterator(rows, trainer)
    pieces: Counter[str] = Counter()
    for word, count in words.items():
        for place, piece in enumerate(merges.encode(word).tokens):
            pieces[f"##{piece}" if place else piece] += count
    letters = {letter for word in words for letter in word}
    alphabet = sorted(letters) + sorted(f"##{letter}" for letter in letters)
    ranked = sorted(pieces, key=lambda piece: (-pieces[piece], piece))
    kept = dict.fromkeys([*SPECIAL.values(), *alphabet, *ranked])
    ids = {piece: number for number, piece in enumerate(list(kept)[:vocabulary])}
    fast = Fast(models.WordPiece(ids, unk_token="[UNK]"))
    fast.normalizer, fast.pre_tokenizer = normal, split
    fast.decoder = decoders.WordPiece()
    fast.add_special_tokens(list(SPECIAL.values()))
    return fast


def _unigram(texts: Iterable[str], vocabulary: int, lowercase: bool) -> Fast:
    """Train by sentencepiece: the other library's sums depend on the order of its threads."""
    import sentencepiece

    model = io.BytesIO()
    special, normal = list(SPECIAL.values()), normalizers.Lowercase() if lowercase else None
    lines = (line for text in texts for line in text.split("\n"))
    try:
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=(normal.normalize_str(line) if normal else line for line in lines),
            model_writer=model,
            vocab_size=vocabulary,
            model_type="unigram",
            normalization_rule_name="identity",
            max_sentence_length=1_000_000,
            hard_vocab_limit=False,
            num_threads=2,
            unk_piece="[UNK]",
            bos_id=-1,
            eos_id=-1,
            control_symbols=[token for token in special if token != "[UNK]"],
            minloglevel=2,
        )
    except RuntimeError as error:
        reason = str(error).strip().split("\n")[0]
        raise ValueError(f"--tokenizer unigram: sentencepiece: {reason}") from error
    trained = sentencepiece.SentencePieceProcessor(model_proto=model.getvalue())
    pieces = [(trained.id_to_piece(i), trained.get_score(i)) for i in range(len(trained))]
    pieces = [(token, 0.0) for token in special] + [p for p in pieces if p[0] not in special]
    fast = Fast(models.Unigram(pieces, unk_id=special.index("[UNK]")))
    if normal:
        fast.normalizer = normal
    fast.pre_tokenizer, fast.decoder = pre_tokenizers.Metaspace(), decoders.Metaspace()
    fast.add_special_tokens(special)
    return fast


def end_of_document(tokenizer: Any) -> int:
    """The id of the token that ends every document: the end-of-text or the separator token."""
    for token in (tokenizer.eos_token_id, tokenizer.sep_token_id):
        if token is not None:
            return token
    raise ValueError(
        "--tokenizer: it has neither an end-of-text nor a separator token to end documents with"
    )


def check(kind: str, vocabulary: int) -> None:
    """Check the tokenizer's settings, which would only fail after the stages before it."""
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
