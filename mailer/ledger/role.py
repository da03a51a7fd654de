"""What a person at the desk may do.

Each role may do what those before it may: a writer drafts, looks and sends tests; an editor sends; an admin looks after
lists, settings and people.
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
