"""Users of the desk and their roles.

A name identifies one user, whatever its case and spacing. A removed user loses password, link and sessions; the name stays
taken, because the audit log refers to it. Once there was an admin, there is always one. Times are seconds since the epoch, UTC.
Passwords come as hashes, links as digests: nothing here is of use to somebody who reads it.

A user can also sign in through an identity provider: an admin enters the login there, `oidc_login`. The first account that
comes with that login is linked to the user; from then on only the provider's permanent id of the account, the subject, counts.

Raises NameTakenError, LoginTakenError, UnknownUserError, LastAdminError.
"""

import unicodedata
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, delete, func, insert, select, update

from mailer.errors import UsageError
from mailer.ledger.store.advisory_lock import advisory_lock
from mailer.ledger.store.ledger_context import LedgerContext
from mailer.ledger.store.tables import desk_session, desk_two_factor, desk_user
from mailer.ledger.types.roles_and_scopes import Role

LONGEST_NAME = 64  # characters
_LOCK = "desk users"
_NO_OIDC = {"oidc_login": None, "oidc_issuer": None, "oidc_subject": None}


class NameTakenError(UsageError):
    """A user has this name, or had it."""


class LoginTakenError(UsageError):
    """Another user signs in with this account of the identity provider."""

    def __init__(self, login: str) -> None:
        super().__init__(f"A different user has the account “{login}”.", "Each account belongs to one user.")


class UnknownUserError(UsageError):
    """No user has this name."""

    def __init__(self, name: str) -> None:
        super().__init__(f"There is no user “{name}”.", "List the users with: mailer user list")


class LastAdminError(UsageError):
    """The last admin cannot be removed or demoted."""

    def __init__(self) -> None:
        super().__init__("This is the last admin.", "Make another user an admin first.")


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """A user. Without `has_password`, the user signs in by an invitation link or an identity provider.

    `oidc_login`: the login at the provider, or ""; `oidc_tied`: an account is linked.
    """

    id: int
    name: str
    email: str
    role: Role
    has_password: bool
    created_at: float
    link_until: float | None = None
    oidc_login: str = ""
    oidc_tied: bool = False


def plain_name(name: str) -> str:
    """Returns `name` as it is shown. Raises UsageError for an invalid name."""
    plain = " ".join(unicodedata.normalize("NFC", name).split())
    if not plain or len(plain) > LONGEST_NAME or not plain.isprintable():
        raise UsageError(f"Invalid name: use 1 to {LONGEST_NAME} visible characters.", "For example: Mara Lindqvist")
    return plain


def name_key(name: str) -> str:
    """Returns the key of a name, the same for all its spellings."""
    return " ".join(unicodedata.normalize("NFKC", name).casefold().split())


class Users:
    """The users of one ledger."""

    def __init__(self, context: LedgerContext) -> None:
        self._context = context

    def add(self, name: str, role: Role | None = None, *, email: str = "", oidc_login: str = "") -> User:
        """Adds a user without a password; without a role, the first is an admin, the others writers.

        A removed user comes back with the same id. Raises NameTakenError, LoginTakenError.
        """
        shown = plain_name(name)
        key = name_key(shown)

        def work(conn: Connection) -> User:
            advisory_lock(conn, _LOCK)
            new_role = role or (Role.WRITER if _admins(conn) else Role.ADMIN)
            values = {"name": shown, "email": email, "role": new_role, "created_at": self._context.clock()}
            values["oidc_login"] = _free(conn, oidc_login)
            known = conn.execute(select(desk_user).where(desk_user.c.key == key)).first()
            if known is None:
                conn.execute(insert(desk_user).values(key=key, **values))
            elif known.removed_at is None:
                raise NameTakenError(f"There is a user “{known.name}” already.", "Choose another name.")
            else:
                conn.execute(update(desk_user).where(desk_user.c.id == known.id).values(removed_at=None, **values))
            return user_of(conn.execute(select(desk_user).where(desk_user.c.key == key)).one())

        return self._context.writer.call(work).result()

    def all(self) -> tuple[User, ...]:
        """Returns all users, by name."""
        query = select(desk_user).where(desk_user.c.removed_at.is_(None)).order_by(desk_user.c.key)
        with self._context.database.reading() as conn:
            return tuple(map(user_of, conn.execute(query)))

    def by_name(self, name: str) -> User:
        """Returns the user called `name`. Raises UnknownUserError."""
        found = self.credential(name)
        if found is None:
            raise UnknownUserError(name)
        return found[0]

    def get(self, user_id: int) -> User | None:
        query = select(desk_user).where(desk_user.c.id == user_id, desk_user.c.removed_at.is_(None))
        with self._context.database.reading() as conn:
            row = conn.execute(query).first()
        return user_of(row) if row else None

    def credential(self, name: str) -> tuple[User, str] | None:
        """Returns the user called `name`, and the hash of the password, or ""."""
        query = select(desk_user).where(desk_user.c.key == name_key(name), desk_user.c.removed_at.is_(None))
        with self._context.database.reading() as conn:
            row = conn.execute(query).first()
        return (user_of(row), row.password) if row else None

    def by_link(self, digest: str) -> User | None:
        """Returns the user of the link with this digest, unless it has expired."""
        query = select(desk_user).where(desk_user.c.link == digest, desk_user.c.link_until > self._context.clock())
        with self._context.database.reading() as conn:
            row = conn.execute(query).first()
        return user_of(row) if row else None

    def set_link(self, user_id: int, digest: str, until: float) -> None:
        """Sets a link, in place of any earlier one."""
        self._set(user_id, link=digest, link_until=until)

    def set_password(self, user_id: int, hashed: str, *, keep_session: int | None = None) -> None:
        """Sets a password; ends every session except `keep_session`, and voids the link."""

        def work(conn: Connection) -> None:
            conn.execute(_where(user_id).values(password=hashed, link=None, link_until=None))
            others = desk_session.c.id != (keep_session or 0)
            conn.execute(delete(desk_session).where(desk_session.c.user_id == user_id, others))

        self._context.writer.call(work).result()

    def redeem(self, digest: str, hashed: str) -> User | None:
        """Sets the password by a link, once; None if the link was used or has expired."""

        def work(conn: Connection) -> User | None:
            advisory_lock(conn, _LOCK)
            holds = (desk_user.c.link == digest, desk_user.c.link_until > self._context.clock())
            row = conn.execute(select(desk_user).where(*holds)).first()
            if row is None:
                return None
            conn.execute(_where(row.id).values(password=hashed, link=None, link_until=None))
            conn.execute(delete(desk_session).where(desk_session.c.user_id == row.id))
            return user_of(conn.execute(select(desk_user).where(desk_user.c.id == row.id)).one())

        return self._context.writer.call(work).result()

    def replace_hash(self, user_id: int, old: str, new: str) -> None:
        """Replaces the hash of the same password, unless the password was changed meanwhile."""
        self._context.writer.call(
            lambda conn: conn.execute(_where(user_id).where(desk_user.c.password == old).values(password=new))
        ).result()

    def by_oidc(self, issuer: str, subject: str) -> User | None:
        """Returns the user that is linked to this account of the identity provider."""
        query = select(desk_user).where(desk_user.c.oidc_issuer == issuer, desk_user.c.oidc_subject == subject)
        with self._context.database.reading() as conn:
            row = conn.execute(query).first()
        return user_of(row) if row else None

    def link_oidc(self, login: str, issuer: str, subject: str) -> User | None:
        """Links the account to the user with this `login`; None if there is none, or another account is linked."""

        def work(conn: Connection) -> User | None:
            advisory_lock(conn, _LOCK)
            unlinked = (desk_user.c.oidc_login == login, desk_user.c.oidc_subject.is_(None))
            row = conn.execute(select(desk_user).where(*unlinked)).first()
            if row is None:
                return None
            conn.execute(_where(row.id).values(oidc_issuer=issuer, oidc_subject=subject))
            return user_of(conn.execute(select(desk_user).where(desk_user.c.id == row.id)).one())

        return self._context.writer.call(work).result()

    def set_oidc(self, user_id: int, login: str, *, keep_session: int | None = None) -> None:
        """Sets the login at the identity provider, "" for none. Removes the link and ends every other session.

        Raises LoginTakenError.
        """

        def work(conn: Connection) -> None:
            advisory_lock(conn, _LOCK)
            conn.execute(_where(user_id).values(**_NO_OIDC))
            conn.execute(_where(user_id).values(oidc_login=_free(conn, login)))
            ending = desk_session.c.id != (keep_session or 0)
            conn.execute(delete(desk_session).where(desk_session.c.user_id == user_id, ending))

        self._context.writer.call(work).result()

    def set_email(self, user_id: int, email: str) -> None:
        self._set(user_id, email=email)

    def set_role(self, user_id: int, role: Role) -> None:
        """Sets the role. Raises LastAdminError."""

        def work(conn: Connection) -> None:
            advisory_lock(conn, _LOCK)
            if role is not Role.ADMIN:
                _require_another_admin(conn, user_id)
            conn.execute(_where(user_id).values(role=role))

        self._context.writer.call(work).result()

    def remove(self, user_id: int) -> None:
        """Removes a user, effective at once. Raises LastAdminError."""

        def work(conn: Connection) -> None:
            advisory_lock(conn, _LOCK)
            _require_another_admin(conn, user_id)
            values = {"removed_at": self._context.clock(), "password": "", "link": None, "link_until": None, **_NO_OIDC}
            conn.execute(_where(user_id).values(**values))
            conn.execute(delete(desk_session).where(desk_session.c.user_id == user_id))
            conn.execute(delete(desk_two_factor).where(desk_two_factor.c.user_id == user_id))

        self._context.writer.call(work).result()

    def _set(self, user_id: int, **values: object) -> None:
        self._context.writer.call(lambda conn: conn.execute(_where(user_id).values(**values))).result()


def _where(user_id: int) -> Any:
    return update(desk_user).where(desk_user.c.id == user_id, desk_user.c.removed_at.is_(None))


def _free(conn: Connection, login: str) -> str | None:
    """Returns the value of the column for `login`. Raises LoginTakenError."""
    if login and conn.execute(select(desk_user.c.id).where(desk_user.c.oidc_login == login)).first():
        raise LoginTakenError(login)
    return login or None


def _admins(conn: Connection, *, but: int = 0) -> int:
    query = select(func.count()).where(
        desk_user.c.role == Role.ADMIN, desk_user.c.removed_at.is_(None), desk_user.c.id != but
    )
    return int(conn.execute(query).scalar_one())


def _require_another_admin(conn: Connection, user_id: int) -> None:
    query = select(desk_user.c.role).where(desk_user.c.id == user_id, desk_user.c.removed_at.is_(None))
    if conn.execute(query).scalar() is Role.ADMIN and not _admins(conn, but=user_id):
        raise LastAdminError


def user_of(row: Row[Any]) -> User:
    """Returns the user of a row of desk_user."""
    return User(
        id=row.id,
        name=row.name,
        email=row.email,
        role=row.role,
        has_password=bool(row.password),
        created_at=row.created_at,
        link_until=row.link_until,
        oidc_login=row.oidc_login or "",
        oidc_tied=row.oidc_subject is not None,
    )
