"""Fonts of pictures: names in Chinese, Japanese or Korean need one that this machine may lack."""

import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

_FONTS = (  # with Chinese characters, by systems
    *("Noto Sans CJK SC", "Noto Sans SC", "Source Han Sans SC", "WenQuanYi Zen Hei"),
    *("WenQuanYi Micro Hei", "PingFang SC", "Hiragino Sans GB", "Microsoft YaHei", "SimHei"),
    *("Droid Sans Fallback", "AR PL UMing CN", "Heiti SC", "SimSun", "Arial Unicode MS"),
)
_said = False


def needs_font(name: str) -> bool:
    """Whether a name has characters that the usual font of pictures lacks, as Chinese ones."""
    return any(ord(character) >= 0x2E80 for character in name)


def font_for(names: Iterable[str]) -> str | None:
    """A font of this machine with Chinese characters, if a name needs one; None if it has none.

    An empty text if no name needs one.
    """
    from matplotlib import font_manager

    if not any(map(needs_font, names)):
        return ""
    there = {font.name for font in font_manager.fontManager.ttflist}
    return next((name for name in _FONTS if name in there), None)


@contextmanager
def drawn_with(names: Iterable[str]) -> Iterator[None]:
    """Draws with a font that has the characters of the names, if this machine has one."""
    import matplotlib

    family = ["DejaVu Sans", *filter(None, [font_for(names)])]
    with matplotlib.rc_context({"font.family": family}), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing")  # of rare characters
        yield


def drawable(text: str) -> str:
    """The text, or its characters as numbers where no font of this machine has them.

    The first such text of a process is told on the screen: a picture of empty boxes tells nothing.
    """
    global _said
    if not needs_font(text) or font_for([text]):
        return text
    if not _said:
        print("note   no font here has Chinese characters, so pictures have their code points")
        _said = True
    return "".join(f"\\u{ord(c):04x}" if needs_font(c) else c for c in text)
