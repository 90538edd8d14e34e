"""Tools and their calls, in the forms of several data sets, as chat templates take them."""

import json
from typing import Any


def read_tools(value: Any) -> list[dict[str, Any]]:
    """Read the tools of a record: a list of JSON schemas, or that list as JSON.

    Raises:
        ValueError: If an entry has no name.
    """
    found = []
    for number, entry in enumerate(_entries(value, "tools"), 1):
        tool = _decode(entry, "tools")
        bare = tool.get("function", tool) if isinstance(tool, dict) else None
        if not isinstance(bare, dict) or not isinstance(bare.get("name"), str):
            raise ValueError(f"tools: entry {number} has no name")
        found.append(tool if "function" in tool else {"type": "function", "function": bare})
    return found


def read_calls(value: Any, key: str) -> list[dict[str, Any]]:
    """Read calls of tools: OpenAI's, or objects of name and arguments; perhaps as JSON.

    Raises:
        ValueError: If a call has no name, or arguments that are no JSON object.
    """
    found = []
    for entry in _entries(value, key):
        call = _decode(entry, key)
        function = call.get("function", call) if isinstance(call, dict) else None
        if not isinstance(function, dict) or not isinstance(function.get("name"), str):
            raise ValueError(f"{key}: a call has no name")
        arguments = function.get("arguments", function.get("parameters"))
        # Templates write an object; of a text that holds one they would write the quotes.
        if isinstance(arguments, str):
            arguments = _decode(arguments, f"{key}: the arguments of {function['name']}")
        if not isinstance(arguments, dict | None):
            raise ValueError(f"{key}: the arguments of {function['name']} are no JSON object")
        made = {"name": function["name"], "arguments": arguments or {}}
        number = {"id": call["id"]} if call.get("id") else {}
        found.append({**number, "type": "function", "function": made})
    return found


def _entries(value: Any, key: str) -> list:
    value = _decode(value, key)
    return value if isinstance(value, list) else [value]


def _decode(value: Any, key: str) -> Any:
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value or "{}")
    except json.JSONDecodeError as error:
        raise ValueError(f"{key}: is not JSON ({error.msg}, column {error.colno})") from None
