"""Who may sign in at the desk, and as what.

A name is one person however it is written: letters large or small, one space or two. Who is removed loses password,
link and sessions; the name stays taken, for the audit names them by it. There is always an admin, once there was one.
Times are seconds since the epoch, UTC. Passwords come as hashes, links as digests: nothing here could be used by who
reads it.

An identity provider may vouch for somebody, too. An admin enters as whom: `oidc_login`. The first account to come with
that is tied to the person; from then on the provider’s unchanging name for it, the subject, decides alone.

Raises NameTakenError, LoginTakenError, UnknownUserError, LastAdminError.
"""

import unicodedata
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, delete, func, insert, select, update

from mailer.errors import UsageError
from mailer.ledger.store.advisory_lock import advisory_lock
from mailer.ledger.store.context import LedgerContext
from mailer.ledger.store.tables import desk_session, desk_user
from mailer.ledger.types.accounts import Role

LONGEST_NAME = 64  # characters
_TURN = "desk users"
_NO_OIDC = {"oidc_login": None, "oidc_issuer": None, "oidc_subject": None}


class NameTakenError(UsageError):
    """Somebody has this name, or had it."""


class LoginTakenError(UsageError):
    """Somebody else signs in by this account of the identity provider."""

    def __init__(self, login: str) -> None:
        super().__init__(f"“{login}” is entered for somebody else.", "One account is one person.")


class UnknownUserError(UsageError):
    """Nobody who may sign in has this name."""

    def __init__(self, name: str) -> None:
        super().__init__(f"Nobody called “{name}” may sign in.", "Those who may are listed by: mailer user list")


class LastAdminError(UsageError):
    """Without this admin there would be none."""

    def __init__(self) -> None:
        super().__init__("There would be no admin left.", "Make somebody else an admin first.")


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """Somebody who may sign in. `has_password`: else the way in is a link that was handed out, or an identity provider.

    `oidc_login`: as whom the provider knows them, "" for not at all; `oidc_tied`: they came by it once.
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
    """`name` as it is shown. Raises UsageError for one that nobody can have."""
    plain = " ".join(unicodedata.normalize("NFC", name).split())
    if not plain or len(plain) > LONGEST_NAME or not plain.isprintable():
        raise UsageError(
            f"A name has 1 to {LONGEST_NAME} characters, none of them invisible.", "For example: Mara Lindqvist"
        )
    return plain


def name_key(name: str) -> str:
    """What two ways to write the same name have in common."""
    return " ".join(unicodedata.normalize("NFKC", name).casefold().split())


class Users:
    """The people of one ledger."""

    def __init__(self, context: LedgerContext) -> None:
        self._context = context

    def add(self, name: str, role: Role | None = None, *, email: str = "", oidc_login: str = "") -> User:
        """Let `name` in, who has no password yet; without a role: the first is an admin, everybody else a writer.

        Who was removed comes back as the same person. Raises NameTakenError, LoginTakenError.
        """
        shown = plain_name(name)
        key = name_key(shown)

        def work(conn: Connection) -> User:
            advisory_lock(conn, _TURN)
            given = role or (Role.WRITER if _admins(conn) else Role.ADMIN)
            values = {"name": shown, "email": email, "role": given, "created_at": self._context.clock()}
            values["oidc_login"] = _free(conn, oidc_login)
            known = conn.execute(select(desk_user).where(desk_user.c.key == key)).first()
            if known is None:
                conn.execute(insert(desk_user).values(key=key, **values))
            elif known.removed_at is None:
                raise NameTakenError(f"“{known.name}” may sign in already.", "Choose another name.")
            else:
                conn.execute(update(desk_user).where(desk_user.c.id == known.id).values(removed_at=None, **values))
            return user_of(conn.execute(select(desk_user).where(desk_user.c.key == key)).one())

        return self._context.writer.call(work).result()

    def all(self) -> tuple[User, ...]:
        """Everybody who may sign in, by name."""
        query = select(desk_user).where(desk_user.c.removed_at.is_(None)).order_by(desk_user.c.key)
        with self._context.database.reading() as conn:
            return tuple(map(user_of, conn.execute(query)))

    def by_name(self, name: str) -> User:
        """The one called `name`. Raises UnknownUserError."""
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
        """The one called `name`, and the hash of the password, "" where there is none."""
        query = select(desk_user).where(desk_user.c.key == name_key(name), desk_user.c.removed_at.is_(None))
        with self._context.database.reading() as conn:
            row = conn.execute(query).first()
        return (user_of(row), row.password) if row else None

    def by_link(self, digest: str) -> User | None:
        """Who holds the link of this digest, as long as it holds good."""
        query = select(desk_user).where(desk_user.c.link == digest, desk_user.c.link_until > self._context.clock())
        with self._context.database.reading() as conn:
            row = conn.execute(query).first()
        return user_of(row) if row else None

    def set_link(self, user_id: int, digest: str, until: float) -> None:
        """Hand out a link, in place of any earlier one."""
        self._set(user_id, link=digest, link_until=until)

    def set_password(self, user_id: int, hashed: str, *, keep_session: int | None = None) -> None:
        """A new password ends every session but `keep_session`, and voids the link."""

        def work(conn: Connection) -> None:
            conn.execute(_where(user_id).values(password=hashed, link=None, link_until=None))
            others = desk_session.c.id != (keep_session or 0)
            conn.execute(delete(desk_session).where(desk_session.c.user_id == user_id, others))

        self._context.writer.call(work).result()

    def redeem(self, digest: str, hashed: str) -> User | None:
        """Choose the password by a link, once; None when somebody was quicker or the link is over."""

        def work(conn: Connection) -> User | None:
            advisory_lock(conn, _TURN)
            holds = (desk_user.c.link == digest, desk_user.c.link_until > self._context.clock())
            row = conn.execute(select(desk_user).where(*holds)).first()
            if row is None:
                return None
            conn.execute(_where(row.id).values(password=hashed, link=None, link_until=None))
            conn.execute(delete(desk_session).where(desk_session.c.user_id == row.id))
            return user_of(conn.execute(select(desk_user).where(desk_user.c.id == row.id)).one())

        return self._context.writer.call(work).result()

    def replace_hash(self, user_id: int, old: str, new: str) -> None:
        """The same password, hashed as is usual now; not if it was changed meanwhile."""
        self._context.writer.call(
            lambda conn: conn.execute(_where(user_id).where(desk_user.c.password == old).values(password=new))
        ).result()

    def by_oidc(self, issuer: str, subject: str) -> User | None:
        """Who is tied to this account of the identity provider."""
        query = select(desk_user).where(desk_user.c.oidc_issuer == issuer, desk_user.c.oidc_subject == subject)
        with self._context.database.reading() as conn:
            row = conn.execute(query).first()
        return user_of(row) if row else None

    def link_oidc(self, login: str, issuer: str, subject: str) -> User | None:
        """Tie the account to whom `login` was entered for; None when there is nobody, or another account was quicker."""

        def work(conn: Connection) -> User | None:
            advisory_lock(conn, _TURN)
            waits = (desk_user.c.oidc_login == login, desk_user.c.oidc_subject.is_(None))
            row = conn.execute(select(desk_user).where(*waits)).first()
            if row is None:
                return None
            conn.execute(_where(row.id).values(oidc_issuer=issuer, oidc_subject=subject))
            return user_of(conn.execute(select(desk_user).where(desk_user.c.id == row.id)).one())

        return self._context.writer.call(work).result()

    def set_oidc(self, user_id: int, login: str, *, keep_session: int | None = None) -> None:
        """Enter as whom the identity provider knows somebody, "" for not at all. The tie and every other session end.

        Raises LoginTakenError.
        """

        def work(conn: Connection) -> None:
            advisory_lock(conn, _TURN)
            conn.execute(_where(user_id).values(**_NO_OIDC))
            conn.execute(_where(user_id).values(oidc_login=_free(conn, login)))
            ending = desk_session.c.id != (keep_session or 0)
            conn.execute(delete(desk_session).where(desk_session.c.user_id == user_id, ending))

        self._context.writer.call(work).result()

    def set_email(self, user_id: int, email: str) -> None:
        self._set(user_id, email=email)

    def set_role(self, user_id: int, role: Role) -> None:
        """Raises LastAdminError."""

        def work(conn: Connection) -> None:
            advisory_lock(conn, _TURN)
            if role is not Role.ADMIN:
                _keep_an_admin(conn, user_id)
            conn.execute(_where(user_id).values(role=role))

        self._context.writer.call(work).result()

    def remove(self, user_id: int) -> None:
        """Let somebody in no more, from this moment. Raises LastAdminError."""

        def work(conn: Connection) -> None:
            advisory_lock(conn, _TURN)
            _keep_an_admin(conn, user_id)
            gone = {"removed_at": self._context.clock(), "password": "", "link": None, "link_until": None, **_NO_OIDC}
            conn.execute(_where(user_id).values(**gone))
            conn.execute(delete(desk_session).where(desk_session.c.user_id == user_id))

        self._context.writer.call(work).result()

    def _set(self, user_id: int, **values: object) -> None:
        self._context.writer.call(lambda conn: conn.execute(_where(user_id).values(**values))).result()


def _where(user_id: int) -> Any:
    return update(desk_user).where(desk_user.c.id == user_id, desk_user.c.removed_at.is_(None))


def _free(conn: Connection, login: str) -> str | None:
    """`login` as its column has it. Raises LoginTakenError."""
    if login and conn.execute(select(desk_user.c.id).where(desk_user.c.oidc_login == login)).first():
        raise LoginTakenError(login)
    return login or None


def _admins(conn: Connection, *, but: int = 0) -> int:
    query = select(func.count()).where(
        desk_user.c.role == Role.ADMIN, desk_user.c.removed_at.is_(None), desk_user.c.id != but
    )
    return int(conn.execute(query).scalar_one())


def _keep_an_admin(conn: Connection, user_id: int) -> None:
    query = select(desk_user.c.role).where(desk_user.c.id == user_id, desk_user.c.removed_at.is_(None))
    if conn.execute(query).scalar() is Role.ADMIN and not _admins(conn, but=user_id):
        raise LastAdminError


def user_of(row: Row[Any]) -> User:
    """The person of a row of desk_user."""
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
