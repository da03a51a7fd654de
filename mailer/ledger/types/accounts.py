"""Roles of the people at the desk, and scopes of API tokens.

A role may do what those before it may: a writer drafts, looks and sends tests; an editor sends; an admin looks after lists,
settings and people. A scope is a noun and what may be done with it: who may write may read the same; who may send may send
tests, too.
"""

from enum import StrEnum


class Role(StrEnum):
    WRITER = "writer"
    EDITOR = "editor"
    ADMIN = "admin"

    @property
    def rank(self) -> int:
        return list(Role).index(self)

    def may(self, needed: "Role") -> bool:
        """Whether who has this role may do what `needed` is needed for."""
        return self.rank >= needed.rank


class Scope(StrEnum):
    DISPATCHES_READ = "dispatches:read"
    DISPATCHES_WRITE = "dispatches:write"
    SENDS_READ = "sends:read"
    SENDS_TEST = "sends:test"
    SENDS_WRITE = "sends:write"
    LISTS_READ = "lists:read"
    LISTS_WRITE = "lists:write"
    SUBSCRIBERS_READ = "subscribers:read"
    SUBSCRIBERS_WRITE = "subscribers:write"

    @property
    def noun(self) -> str:
        return self.value.partition(":")[0]

    def covers(self, needed: "Scope") -> bool:
        """Whether who has this scope may do what `needed` is needed for: those of a noun stand in rising order."""
        ranks = list(Scope)
        return self.noun == needed.noun and ranks.index(self) >= ranks.index(needed)
