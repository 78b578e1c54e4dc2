"""Registries of rules, outcomes and objectives by name, with users' own beside the shipped."""

import re
from collections.abc import Iterable
from typing import Generic, Protocol, TypeVar

from sim.errors import RegistryError, nearest

NAME = re.compile(r"[A-Za-z]\w*")


class Named(Protocol):
    """Whatever has a name."""

    @property
    def name(self) -> str:
        """The name."""
        ...


T = TypeVar("T", bound=Named)


class Registry(dict[str, T], Generic[T]):
    """The rules, outcomes or objectives there are, by name; the shipped ones first.

    Parameters
    ----------
    what : what they are called in messages, such as "rule".
    shipped : those that cannot be replaced.
    """

    def __init__(self, what: str, shipped: Iterable[T]) -> None:
        self.what = what
        self.shipped = tuple(shipped)
        super().__init__({one.name: one for one in self.shipped})

    def add(self, own: T) -> T:
        """Add one of one's own, in place of an earlier one of that name, and return it.

        Raises
        ------
        RegistryError
            For a name that is taken by a shipped one, or that cannot stand in a file's name.
        """
        if own.name in self and not self.is_own(own.name):
            raise RegistryError(
                f"the {self.what} '{own.name}' is a shipped one: take another name."
            )
        if not NAME.fullmatch(own.name):
            raise RegistryError(
                f"{self.what} '{own.name}': a name is made of letters, digits and _ only."
            )
        self[own.name] = own
        return own

    def is_own(self, name: str) -> bool:
        """Whether there is one of that name that is not a shipped one."""
        return name in self and self[name] not in self.shipped

    def called(self, name: str) -> T:
        """Return the one of that name; ``RegistryError`` with the nearest where there is none."""
        if name not in self:
            known = ", ".join(self)
            raise RegistryError(
                f"no {self.what} is called '{name}'; there are {known}.{nearest(name, self)}"
            )
        return self[name]
