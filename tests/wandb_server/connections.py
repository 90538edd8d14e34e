"""Lists, ids and places of files, as GraphQL's answers have them."""

import base64
from typing import Any


def connection(nodes: list[Any]) -> dict[str, Any]:
    """All of a list as one page."""
    edges = [{"node": node, "cursor": str(n)} for n, node in enumerate(nodes)]
    page = {"__typename": "PageInfo", "endCursor": None, "hasNextPage": False}
    return {"edges": edges, "pageInfo": page, "totalCount": len(nodes)}


def encoded(words: str) -> str:
    return base64.b64encode(words.encode()).decode()


def blob(digest: str) -> str:
    """Where content with an MD5 (base64) is kept."""
    return f"blobs/{base64.b64decode(digest).hex()}"
