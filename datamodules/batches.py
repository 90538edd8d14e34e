"""The batches that data modules hand to modules: all on which the two must agree."""

from collections.abc import Callable
from typing import Any, NotRequired, Protocol, TypedDict

import numpy as np
from torch import Tensor


class TextData(Protocol):
    """A data module with texts, as modules, callbacks and the runner know it."""

    # The tokens that a module feeds its model for rows of such lengths, (N,) to (N,).
    num_input_tokens: Callable[[np.ndarray], np.ndarray]

    @property
    def test_split(self) -> str:
        """The split that the test runs on."""

    def texts_of(self, split: str) -> dict[str, list]:
        """The texts of a split by name, as in its batches."""

    def max_row_length(self) -> int:
        """The number of tokens of the longest row of all splits."""

    def facts(self) -> dict[str, Any]:
        """The facts about the data that the run's config and result record."""

    def notes(self) -> list[str]:
        """The remarks on the data that the user should read, a line each."""


class LabelledBatch(TypedDict):
    """B rows of labelled text, padded on the right to T, the longest of the batch or a little more.

    ``token_type_ids`` is there for sentence pairs where the tokenizer tells the two apart.
    ``index`` is the row's place in its split, so that a prediction can be shown beside its text.
    ``columns`` are the texts themselves, by name (text, and pair where there are two), for tasks
    that write prompts of their own.
    """

    input_ids: Tensor  # (B, T) int64
    attention_mask: Tensor  # (B, T) int64, 1 for a token and 0 for padding
    index: Tensor  # (B,) int64
    # (B,) int64 classes, (B,) float32 numbers, or (B, classes) int64, 1 for each of several
    labels: NotRequired[Tensor]
    columns: NotRequired[dict[str, list[str]]]  # B texts each
    training: NotRequired[bool]  # False in an evaluation, whose loss has no weights or smoothing
    token_type_ids: NotRequired[Tensor]  # (B, T) int64


class QuestionBatch(TypedDict):
    """B windows of questions and their contexts, padded on the right to T.

    ``labels`` are the first and the last token of the answer; both are the place of the token that
    stands for no answer where the window has none. ``offsets`` are the start and the end of each
    token in the context, -1 outside of it, and -2 at that token. ``sources`` are the places of the
    questions in the split. ``columns`` are text (the question), pair (the context) and answers, a
    list for each window of all that are right.
    """

    input_ids: Tensor  # (B, T) int64
    attention_mask: Tensor  # (B, T) int64, 1 for a token and 0 for padding
    index: Tensor  # (B,) int64, of the window
    labels: Tensor  # (B, 2) int64
    offsets: Tensor  # (B, T, 2) int64
    sources: Tensor  # (B,) int64
    columns: dict[str, list[Any]]
    token_type_ids: NotRequired[Tensor]  # (B, T) int64


class ChoiceBatch(TypedDict):
    """B questions with choices, a row of tokens for each choice: R in all, padded right to T.

    ``choices`` are the numbers of choices of the questions, whose rows stand behind one another.
    ``choice_mask`` marks the tokens of the choice itself. ``labels`` are the places of the right
    choices among those of their question.
    """

    input_ids: Tensor  # (R, T) int64
    attention_mask: Tensor  # (R, T) int64, 1 for a token and 0 for padding
    choice_mask: Tensor  # (R, T) bool
    choices: Tensor  # (B,) int64
    index: Tensor  # (B,) int64
    labels: NotRequired[Tensor]  # (B,) int64
    token_type_ids: NotRequired[Tensor]  # (R, T) int64


class CorpusBatch(TypedDict):
    """B rows of clean text, padded on the right to T, without tokens for an objective's own use.

    ``document_ids`` are the places of the documents in the split, so that attention can stop at
    their borders. ``boundary`` is where, in a row of one document, the second of two segments
    begins: at the end of a sentence; 0 in a row of one sentence, of which no pair can be made.
    """

    input_ids: Tensor  # (B, T) int64
    attention_mask: Tensor  # (B, T) int64, 1 for a token and 0 for padding
    document_ids: Tensor  # (B, T) int64, -1 for padding
    index: Tensor  # (B,) int64
    boundary: NotRequired[Tensor]  # (B,) int64


class InstructionBatch(TypedDict):
    """B rows of one conversation each, or several behind one another, padded on the right to T.

    ``position_ids``, of packed rows only, begin anew with each conversation, by which attention
    tells them apart. A conversation's first token is never supervised, so that none is predicted
    from another.
    """

    input_ids: Tensor  # (B, T) int64
    attention_mask: Tensor  # (B, T) int64, 1 for a token and 0 for padding
    supervised: Tensor  # (B, T) bool, the tokens that are to be learned
    labels: NotRequired[Tensor]  # (B, T) int64, which the task adds
    index: Tensor  # (B,) int64
    position_ids: NotRequired[Tensor]  # (B, T) int64


class PairBatch(TypedDict):
    """B pairs of a source and a target text.

    ``columns`` are source, target, and reference, the whole target, B each. The task encodes them;
    ``attention_mask`` tells how many tokens source and target have together.
    """

    attention_mask: Tensor  # (B, T) int64, 1 for a token and 0 for padding
    columns: dict[str, list[str]]
    input_ids: NotRequired[Tensor]  # (B, T) int64, which the task adds, as the next two
    decoder_input_ids: NotRequired[Tensor]  # (B, T') int64, of an encoder-decoder
    labels: NotRequired[Tensor]  # (B, T') int64
    index: Tensor  # (B,) int64


class PreferenceBatch(TypedDict):
    """Prompts with an answer each, padded on the right to T: B couples, or B single answers.

    Of couples there are R = 2 B rows: the chosen answers, then the rejected ones in the same order.
    Of single answers R = B. The task adds the entries that need not be there.
    """

    input_ids: Tensor  # (R, T) int64
    attention_mask: Tensor  # (R, T) int64, 1 for a token and 0 for padding
    supervised: Tensor  # (R, T) bool, the tokens of the answer
    desirable: Tensor  # (2, B) of couples or (B,) int64, 1 for a good answer and 0 for a bad one
    index: Tensor  # (B,) int64
    targets: NotRequired[Tensor]  # (R, T) int64, the answer's token that follows, or -100
    labels: NotRequired[Tensor]  # as desirable
    training: NotRequired[bool]  # False in an evaluation, whose loss has no smoothing
    other: NotRequired[tuple[Tensor, Tensor, Tensor]]  # ids, mask, targets of mismatched rows
