"""GraphQL without a schema: a field is an attribute of the same name, or a method.

The client may ask for anything. What is not there is null and is noted, so that a test that fails
for want of it says so.
"""

from collections.abc import Iterable, Iterator
from typing import Any

from graphql import (
    FieldNode,
    FragmentDefinitionNode,
    InlineFragmentNode,
    OperationDefinitionNode,
    SelectionNode,
    parse,
    value_from_ast_untyped,
)


def execute(query: str, variables: dict[str, Any], root: Any, unknown: set[str]) -> dict[str, Any]:
    """The data of one operation; what ``root`` lacks is added to ``unknown`` as Type.field."""
    document = parse(query, no_location=True).definitions
    (operation,) = [d for d in document if isinstance(d, OperationDefinitionNode)]
    defaults = {
        d.variable.name.value: d.default_value and value_from_ast_untyped(d.default_value)
        for d in operation.variable_definitions
    }
    fragments = {d.name.value: d for d in document if isinstance(d, FragmentDefinitionNode)}
    answer = _Answer(fragments, {**defaults, **variables}, unknown)
    return answer.select(root, operation.selection_set.selections)


class _Answer:
    def __init__(
        self,
        fragments: dict[str, FragmentDefinitionNode],
        variables: dict[str, Any],
        unknown: set[str],
    ) -> None:
        self.fragments, self.variables, self.unknown = fragments, variables, unknown

    def select(self, value: Any, selections: Iterable[SelectionNode]) -> Any:
        selections = list(selections)
        if value is None or not selections:
            return value
        if isinstance(value, list):
            return [self.select(item, selections) for item in value]
        asked: dict[str, list[FieldNode]] = {}
        for field in self._fields(value, selections):
            asked.setdefault((field.alias or field.name).value, []).append(field)
        return {
            key: self.select(
                self._value(value, fields[0]),
                [s for f in fields if f.selection_set for s in f.selection_set.selections],
            )
            for key, fields in asked.items()
        }

    def _fields(self, value: Any, selections: Iterable[SelectionNode]) -> Iterator[FieldNode]:
        """The fields that are asked of ``value``, those of its fragments as well."""
        for selection in selections:
            conditions = {
                d.name.value: value_from_ast_untyped(d.arguments[0].value, self.variables)
                for d in selection.directives
            }
            if not conditions.get("include", True) or conditions.get("skip", False):
                continue
            if isinstance(selection, FieldNode):
                yield selection
                continue
            if not isinstance(selection, InlineFragmentNode):
                selection = self.fragments[selection.name.value]
            wanted = selection.type_condition.name.value if selection.type_condition else None
            of = _type(value)
            if of == "" or wanted in (None, of, *getattr(value, "interfaces", ())):
                yield from self._fields(value, selection.selection_set.selections)

    def _value(self, value: Any, field: FieldNode) -> Any:
        name = field.name.value
        if name == "__typename":
            return _type(value)
        arguments = {
            a.name.value: value_from_ast_untyped(a.value, self.variables) for a in field.arguments
        }
        known = name in value if isinstance(value, dict) else hasattr(value, name)
        if not known:
            self.unknown.add(f"{_type(value)}.{name}")
            return None
        found = value[name] if isinstance(value, dict) else getattr(value, name)
        return found(**arguments) if callable(found) else found


def _type(value: Any) -> str:
    return value.get("__typename", "") if isinstance(value, dict) else type(value).__name__
