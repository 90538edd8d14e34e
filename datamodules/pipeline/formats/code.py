"""Source code: which files of a tree a person wrote."""

import re
from collections.abc import Iterator

from datamodules.pipeline.formats.documents import (
    LeftOut,
    RawDocument,
    RawRow,
    ReadingOptions,
    Unreadable,
)
from datamodules.pipeline.formats.opening import SourceFile, decode, is_binary, stray_zero

SUFFIXES = frozenset(
    ".py .pyi .pyx .js .jsx .mjs .cjs .ts .tsx .vue .svelte .java .kt .kts .scala .groovy .clj "
    ".c .h .cc .cpp .cxx .hh .hpp .hxx .inl .cu .cuh .m .mm .cs .fs .fsx .vb .go .rs .zig .nim .d "
    ".swift .dart .rb .php .pl .pm .lua .r .jl .hs .lhs .ml .mli .elm .erl .ex .exs .lisp .el .scm "
    ".rkt .sh .bash .zsh .fish .ps1 .bat .sql .f .f90 .f95 .for .pas .adb .ads .asm .s .v .sv .vhd "
    ".vhdl .tcl .awk .sol .proto .thrift .graphql .cmake .mk .gradle .tf .nix .css .scss .sass "
    ".less .html .htm .md .rst .tex .toml .yaml .yml".split()
)
_NAMES = frozenset(
    "makefile gnumakefile dockerfile rakefile gemfile jenkinsfile cmakelists.txt".split()
)
_VENDORED = frozenset(
    "node_modules bower_components jspm_packages vendor third_party third-party thirdparty "
    "site-packages dist-packages pods carthage __pycache__ venv".split()
)
_MINIFIED = re.compile(r"[.-]min\.(?:js|css|mjs|html)$")
_GENERATED_NAME = re.compile(
    r"(?:_pb2(?:_grpc)?\.pyi?|\.pb\.(?:go|cc|h)|\.(?:g|freezed)\.dart|\.designer\.(?:cs|vb)|"
    r"\.generated\.\w+|_generated\.\w+)$"
)
_GENERATED = re.compile(
    r"@generated\b|do not (?:edit|modify)\b|auto-?(?:matically )?generated|"
    r"generated (?:by|from|automatically|code|file)\b",
    re.IGNORECASE,
)
_COMMENT = re.compile(r"""\s*(?:#|//|/?\*|--|;|%|<!--|\"{3}|'{3}|\{-|\(\*)""")


def is_code(file: SourceFile) -> bool:
    """Whether a file's name is that of source code."""
    return file.suffix in SUFFIXES or file.name in _NAMES


def read_code(file: SourceFile, options: ReadingOptions) -> Iterator[RawRow]:
    """Read a file of source code as it is written; others' and machines' work is left out."""
    folders = {part.lower() for part in file.relative.split("/")[:-1]}
    if _VENDORED & folders:
        yield LeftOut("files of other projects (vendored)")
        return
    if _MINIFIED.search(file.name):
        yield LeftOut("minified files")
        return
    with file.open() as opened:
        data = opened.read()
    if is_binary(data):
        yield LeftOut("binary files")
        return
    if stray := stray_zero(data):
        yield Unreadable(None, stray)
        return
    text = decode(data)
    comments = [line for line in text.split("\n", 10)[:10] if _COMMENT.match(line)]
    if _GENERATED_NAME.search(file.name) or any(map(_GENERATED.search, comments)):
        yield LeftOut("generated files")
    else:
        yield RawDocument(text, file.relative, html=False)
