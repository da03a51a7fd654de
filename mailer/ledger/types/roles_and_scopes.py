"""Roles of the users of the desk, and scopes of API tokens.

Each role includes the ones before it: a writer drafts, previews and sends tests; an editor sends; an admin manages lists,
settings and users. A scope is a noun and an action: `write` includes `read`, and `sends:write` includes `sends:test`.
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
        """Whether this role includes `needed`."""
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
        """Whether this scope includes `needed`: the scopes of a noun are in rising order."""
        ranks = list(Scope)
        return self.noun == needed.noun and ranks.index(self) >= ranks.index(needed)
