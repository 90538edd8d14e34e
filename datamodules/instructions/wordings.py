"""Ten wordings of each kind of question, with a place for the ``{text}``.

The first wording of a kind is the one in which a task is asked where one is enough.
"""

SENTIMENT = (
    "Is the sentiment of this sentence positive or negative?\n\n{text}",
    "{text}\n\nIs this film review negative or positive? Answer with one word.",
    "Classify as positive or negative: {text}",
    "Review: {text}\nSentiment (positive or negative):",
    'Does the writer of "{text}" like the film? Answer positive or negative.',
    "What is the tone of this review, negative or positive?\n\n{text}",
    "{text}\n\nLabel this text as positive or negative.",
    "Decide whether the following opinion is negative or positive.\n\n{text}",
    "Here is what a viewer wrote:\n{text}\nIs it positive or negative?",
    "Read the sentence and name its sentiment, positive or negative: {text}",
)
FILM = (
    "{text}\n\nWas the film good or bad?",
    "Review: {text}\n\nAccording to this review, was the film bad or good?",
    "Someone wrote about a film:\n\n{text}\n\nIs the film good or bad?",
    "{text}\n\nDoes the writer find the film bad or good?",
    "Read this review and say whether the film was good or bad.\n\n{text}",
    "How was the film, bad or good? {text}",
    "{text}\n\nIn one word, good or bad: how was the film?",
    "A viewer reports: {text}\n\nWould you say the film was good or bad?",
    "Judge from the text whether the film was bad or good.\n\nText: {text}",
    "Good or bad film?\n\n{text}",
)
TOPIC = (
    "{text}\n\nWhat is this about?",
    "Name the topic of this article: business, entertainment, politics, sport or technology."
    "\n\n{text}",
    "{text}\n\nWhich section of a newspaper is this from?",
    "What is the subject of the following text?\n\n{text}",
    "Article: {text}\nTopic:",
    "Classify this article by its topic.\n\n{text}",
    "{text}\n\nIs this about technology, sport, politics, entertainment or business?",
    "Read the article and say in one word what it is about.\n\n{text}",
    "Under which heading would you file this?\n\n{text}",
    "{text}\n\nPick the topic that fits best.",
)
REVIEW_ZH = (
    "{text}\n\n这条评论是好评还是差评？",
    "判断下面的评论是差评还是好评：{text}",
    "评论：{text}\n情感（好评或差评）：",
    "顾客写道：“{text}”\n这是好评还是差评？",
    "请阅读评论，并回答“好评”或“差评”。\n\n{text}",
    "{text}\n\n写评论的人满意吗？请回答好评或差评。",
    "下面这段话属于差评还是好评？\n{text}",
    "对这条评论进行分类（好评、差评）：{text}",
    "{text}\n\n用一个词概括：好评还是差评？",
    "以下是一条评论。\n{text}\n它的态度是好评还是差评？",
)
SUMMARY = (
    "Write a headline for this article.\n\n{text}",
    "{text}\n\nSummarise this in a few words.",
    "Article: {text}\nHeadline:",
    "What would be a good title for the following text?\n\n{text}",
    "{text}\n\nGive this article a title.",
    "Sum up the news below in one short line.\n\n{text}",
    "Read the article and write its headline.\n\n{text}",
    "{text}\n\nHow would a newspaper title this?",
    "In at most eight words, what does this article report?\n\n{text}",
    "Text: {text}\n\nSummary in one line:",
)
DEFINITION = (
    'What does the word "{text}" mean?',
    'Explain the word "{text}".',
    "Define {text}.",
    'Give a short definition of "{text}".',
    'How would a dictionary define "{text}"?',
    'What is the meaning of "{text}"?',
    "Word: {text}\nDefinition:",
    'Explain in one line what "{text}" means.',
    'I do not know the word "{text}". What does it mean?',
    'Describe the meaning of the word "{text}" in a few words.',
)
_TRANSLATION = (
    "Translate into LANGUAGE: {text}",
    "{text}\n\nTranslate this text into LANGUAGE.",
    "English: {text}\nLANGUAGE:",
    'How do you say "{text}" in LANGUAGE?',
    "Give the LANGUAGE translation of this text.\n\n{text}",
    "What is the following in LANGUAGE?\n\n{text}",
    "Write this in LANGUAGE: {text}",
    "Please render the English text below in LANGUAGE.\n\n{text}",
    "{text}\n\nPut this into LANGUAGE.",
    "From English to LANGUAGE: {text}",
)


def translation(language: str) -> tuple[str, ...]:
    """The wordings that ask for a translation from English into a language."""
    return tuple(wording.replace("LANGUAGE", language) for wording in _TRANSLATION)
