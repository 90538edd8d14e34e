"""A document split into lines, words and sentences once, for all rules that read them."""

import functools
from collections.abc import Iterator
from dataclasses import dataclass, field

from datatrove.utils.text import PUNCTUATION_SET
from datatrove.utils.word_tokenizers import SpaCyTokenizer, WordTokenizer, load_word_tokenizer
from datatrove.utils.word_tokenizers import load_tokenizer_assignments as _known
from spacy.attrs import IS_PUNCT, LENGTH, ORTH, SPACY

from datamodules.pipeline import unspaced

# spaCy refuses more than a million characters at once, and few lines have more than this.
_PIECE = 100_000
_REMEMBERED = 40_000_000  # characters
CODE = "code"  # in the place of a language
_ATTRIBUTES = [ORTH, LENGTH, SPACY, IS_PUNCT]


@dataclass
class Line:
    """A line that is not blank: its words, and where its sentences end, in characters."""

    text: str
    words: list[str]
    ends: list[int]


@dataclass
class Page:
    """A document in one language. Rules read it; C4's may leave lines out."""

    text: str
    language: str
    lines: list[Line] = field(default_factory=list)
    quality: float = 0.0
    book: bool = False

    @classmethod
    def of(cls, text: str, language: str) -> "Page":
        """Make a page with its lines."""
        page = cls(text, language)
        page.split()
        return page

    def split(self) -> None:
        """Split the text into lines by the rules of the language; code keeps its blank lines."""
        if self.language == CODE:
            self.lines = [_code_line(part) for part in self.text.split("\n")]
            return
        split, fenced = line_splitter(self.language), False
        self.lines = []
        for part in self.text.split("\n"):
            if part.lstrip().startswith(("```", "~~~")):
                fenced = not fenced
            if fenced and not part.strip():
                self.lines.append(_code_line(part))
            else:
                self.lines += split(part)

    @functools.cached_property
    def words(self) -> list[str]:
        return [word for line in self.lines for word in line.words]

    @functools.cached_property
    def real_words(self) -> list[str]:
        """The words that are not only punctuation."""
        return [word for word in self.words if not _is_punctuation(word)]

    def sentence_ends(self) -> list[int]:
        """The ends of the sentences in characters of the joined lines, line breaks included."""
        ends, start = [], 0
        for line in self.lines:
            ends += [start + end for end in line.ends]
            start += len(line.text) + 1
            ends[-1] = start  # a sentence owns what separates it from the next
        if ends:
            ends[-1] -= 1
        return ends


def _code_line(text: str) -> Line:
    return Line(text, text.split(), [len(text)])


@functools.lru_cache(1 << 16)
def _is_punctuation(word: str) -> bool:
    return all(character in PUNCTUATION_SET for character in word)


class _SpacyTokenizer:
    """Words and sentence ends by spaCy's rules for the language, each text parsed once.

    The rule for sentences is that of spaCy's sentencizer, on arrays instead of tokens.
    """

    def __init__(self, language: str) -> None:
        self.language, self.left = language, 0

    def __call__(self, text: str) -> tuple[list[str], list[int]]:
        if self.left <= 0:  # spaCy remembers every word that it has seen; forget them now and then
            self.nlp, self.left = SpaCyTokenizer(self.language).tokenizer, _REMEMBERED
            self.nlp.max_length = _PIECE
            self.ends = self.nlp.get_pipe("sentencizer").punct_chars
        self.left -= len(text)
        parsed = self.nlp.make_doc(text)
        rows = parsed.to_array(_ATTRIBUTES).tolist()
        names = self.nlp.vocab.strings
        words, ends = [], []
        place, sentence, closing = 0, 0, False
        for orth, length, space, punctuation in rows:
            word = names[orth]
            if word in self.ends:
                closing = True
            elif closing and not punctuation:
                ends.append(sentence)
                closing = False
            place += length
            sentence = place
            place += space
            if word := word.strip():
                words.append(word)
        return words, [*ends, len(text)]


class _DatatroveTokenizer:
    """Words and sentence ends by any other tokenizer of datatrove's."""

    def __init__(self, tokenizer: WordTokenizer) -> None:
        self.tokenizer = tokenizer

    def __call__(self, text: str) -> tuple[list[str], list[int]]:
        spans = self.tokenizer.span_tokenize(text)
        return self.tokenizer.word_tokenize(text), [*(end for _, end in spans[:-1]), len(text)]


def _datatrove(tokenizer: WordTokenizer):
    if isinstance(tokenizer, SpaCyTokenizer):
        return _SpacyTokenizer(tokenizer.language)
    return _DatatroveTokenizer(tokenizer)


@functools.cache
def line_splitter(language: str):
    """Make a function that splits a text into lines.

    Words of Chinese, Japanese and Korean are those of ``unspaced``, of other languages those of
    datatrove's tokenizer for the language.
    """
    if language not in _known():
        names = ", ".join(sorted(name for name in _known() if len(name) == 2))
        raise ValueError(f"--languages {language}: no word tokenizer; there are {names}")
    try:
        parse = unspaced.parser_of(language) or _datatrove(load_word_tokenizer(language))
        parse("a")
    except (ImportError, OSError, LookupError) as error:
        reason = " ".join(str(error).split())
        raise ValueError(f"--languages {language}: its word tokenizer: {reason}") from error

    def split(text: str) -> Iterator[Line]:
        if not text.strip():
            return
        words: list[str] = []
        ends: list[int] = []
        for start in range(0, len(text), _PIECE):
            found, stops = parse(text[start : start + _PIECE])
            words += found
            ends += [start + stop for stop in stops]
        yield Line(text, words, ends)

    return split
