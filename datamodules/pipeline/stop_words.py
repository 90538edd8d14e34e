"""Frequent words of prose by language, of which lists and menus have few."""

STOP_WORDS = {
    language: frozenset(words.split())
    for language, words in {
        "en": "the be to of and that have with",  # Rae et al. 2021
        "zh": (
            "的 了 在 是 和 有 不 我 也 就 这 人 与 及 对 以 为 将 等 从 到 被 或 并 于 中 上 "
            "他 你 她 们 都 要 会 可以"
        ),
        # Words end where the script changes: particles of one syllable are words.
        "ja": "の は を に が と で も へ や から まで より です である では には という する",
        # Most particles are parts of the words before them.
        "ko": (
            "이 그 저 수 및 것 등 또는 있는 하는 한 할 더 때 위해 대한 것은 것이 있다 같은 "
            "다른 모든 그리고 하지만 그러나 위한 경우 따라 있습니다 합니다"
        ),
    }.items()
}
