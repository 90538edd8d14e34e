"""How much disk does the cache take? Lists it, and empties the part that can be made again.

    pretune cache
    pretune cache --clear

Tokenised data is made again when a run needs it, and what a running process uses stays. Bundled
models and data are downloads: remove their folders by hand. The environment variable
PRETUNE_CACHE_LIMIT is the size that tokenised data may reach, such as 500MB or none (20GB).
"""

from collections import defaultdict
from datetime import datetime
from pathlib import Path

from datamodules.packaged import cache_folder
from experiments.common.arguments import FlagParser
from experiments.common.exits import guarded
from experiments.common.shell import command_name
from experiments.reporting import screen, tables


def main() -> None:
    """Prints the folders of the cache with their sizes, and empties it if asked to."""
    with guarded(command_name()):
        parser = FlagParser(__doc__)
        parser.add_argument("--clear", action="store_true", help="Remove tokenised data")
        asked = parser.parse_args()
        from datamodules import token_cache  # with torch, which a mistyped flag does without

        limit = token_cache.cache_limit()
        print(usage_table(cache_folder()))
        print(f"\nlimit of tokens/: {'none' if limit is None else tables.size(limit)}")
        if asked.clear:
            print(cleared())


def usage_table(folder: Path) -> str:
    """A table of the folders in the cache: files, size, and the day of the last change."""
    found: dict[str, list[tuple[int, float]]] = defaultdict(list)
    for path in folder.rglob("*"):
        if path.is_file() and path.suffix != ".lock":
            stat = path.stat()
            found[path.relative_to(folder).parts[0]].append((stat.st_size, stat.st_mtime))
    rows = [(str(folder), "files", "size", "last used")]
    for name, files in sorted(found.items()):
        day = datetime.fromtimestamp(max(used for _, used in files)).strftime("%Y-%m-%d")
        rows.append((name, f"{len(files):,}", tables.size(sum(size for size, _ in files)), day))
    total = sum(size for files in found.values() for size, _ in files)
    rows.append(("total", f"{sum(map(len, found.values())):,}", tables.size(total), ""))
    return screen.table(rows)


def cleared() -> str:
    """Remove all token files that no process uses; returns what came of it, in words."""
    from datamodules import token_cache

    files = token_cache.list_files()
    gone = [file for file in files if token_cache.remove(file)]
    kept = len(files) - len(gone)
    used = f"; {kept} in use by a running process stay" if kept else ""
    return f"done   removed {len(gone)} token files, {tables.size(sum(f.size for f in gone))}{used}"


if __name__ == "__main__":
    main()
