"""Options that several commands share, said once: the fields of a dataclass."""

import functools
import inspect
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from typing import TYPE_CHECKING, cast, get_type_hints

if TYPE_CHECKING:
    from _typeshed import DataclassInstance


def with_option_groups(command: Callable[..., None]) -> Callable[..., None]:
    """The command as typer has to see it: each parameter that is a dataclass is replaced by one option for each of its fields."""
    signature = inspect.signature(command, eval_str=True)
    groups = {
        name: cast("type[DataclassInstance]", each.annotation)
        for name, each in signature.parameters.items()
        if is_dataclass(each.annotation)
    }
    own = [each for name, each in signature.parameters.items() if name not in groups]
    shared = [parameter for group in groups.values() for parameter in _parameters(group)]

    @functools.wraps(command)
    def flat(**given: object) -> None:
        built: dict[str, object] = {
            name: group(**{field.name: given.pop(field.name) for field in fields(group)}) for name, group in groups.items()
        }
        command(**given, **built)

    # typer reads both.
    flat.__annotations__ = {each.name: each.annotation for each in [*own, *shared]}
    setattr(flat, "__signature__", signature.replace(parameters=[*own, *shared]))  # noqa: B010 (functions don't declare it)
    return flat


def _parameters(group: "type[DataclassInstance]") -> list[inspect.Parameter]:
    hints = cast("Mapping[str, object]", get_type_hints(group, include_extras=True))
    return [
        inspect.Parameter(field.name, inspect.Parameter.KEYWORD_ONLY, default=field.default, annotation=hints[field.name])
        for field in fields(group)
    ]
