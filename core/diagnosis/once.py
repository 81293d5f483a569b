"""A property that is computed when it is first asked for, and only its own object waits for it.

`functools.cached_property` of Python 3.11 holds one lock for all objects of a class while it
computes: the diagnosis of one person would stand still, and could not be ended, until that of
another has run its forwards.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, TypeVar, overload

V = TypeVar("V")


class once(Generic[V]):  # noqa: N801 - reads as what it does where it decorates
    """Keep the value in the object; for objects that one thread uses."""

    def __init__(self, compute: Callable[[Any], V]) -> None:
        """Args: compute, the method that it decorates."""
        self._compute, self.__doc__ = compute, compute.__doc__

    def __set_name__(self, owner: type, name: str) -> None:
        """Learn under which name the value is kept, where it hides this descriptor."""
        self._name = name

    @overload
    def __get__(self, instance: None, owner: type) -> once[V]: ...
    @overload
    def __get__(self, instance: object, owner: type | None = None) -> V: ...

    def __get__(self, instance: object | None, owner: type | None = None) -> once[V] | V:
        """Compute; the next time the value itself is found."""
        if instance is None:
            return self
        value: V = self._compute(instance)
        instance.__dict__[self._name] = value
        return value
