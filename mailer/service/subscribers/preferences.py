"""The preferences page of a subscriber: which lists they are on, and what they can change.

    read_preferences(app, token)                                      the page of a link; changes nothing
    choose_lists, pause_mail, unsubscribe_all, request_mailed_link              by any link
    resume_mail, resubscribe, save_own_fields, read_own_data, erase_own_data    by a link that was mailed to the reader alone

Changes take effect at once, also for running sends. Each function takes the token of a link (preferences_link.py) and raises
LinkError for one that does not allow the change. By the link of a message, lists can only be left, and a pause only be extended.
Blocking; raises LedgerError, ListSettingsError.
"""

import logging
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType

from mailer.app import App
from mailer.audience.list_settings import ListSettings, public_lists
from mailer.i18n.translations import effective_language, gettext, translatable
from mailer.ledger.types.subscribers import Membership
from mailer.ledger.types.suppressions import SuppressionReason
from mailer.service.subscribers.erasure import CopiesLeftError, erase_everywhere
from mailer.service.subscribers.own_fields import clean_value, require_no_web_address
from mailer.service.subscribers.personal_data import SubscriberProfile, find_profile, subject_copy
from mailer.service.subscribers.preferences_link import BY_READER, LinkHolder, find_holder, require_holder
from mailer.service.subscribers.unsubscribe import OptOutSource, paused_until

WEEKS = (1, 2, 4, 8, 12, 26)
"""The choices for the length of a pause."""

CONSENT_TEXT = translatable(
    "By choosing a newsletter and saving, you agree to receive it by e-mail. "
    "You can unsubscribe at any time with the link in each issue."
)
_WEEK = 7 * 86_400.0

_log = logging.getLogger(__name__)


class OptOut(StrEnum):
    """Why nothing at all is sent to the subscriber."""

    NO = ""
    LEFT = "left"  # their own opt-out; joining a list ends it
    HELD = "held"  # suppressed by an admin; they cannot change it


@dataclass(frozen=True, slots=True, kw_only=True)
class ListChoice:
    """A list that is shown to the subscriber."""

    settings: ListSettings
    is_on: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class PreferencesPage:
    """The content of a preferences page.

    `may`: the link was mailed to the subscriber alone; if not, `masked` is the masked address. `lists` are the public ones,
    those of the subscriber first; for the link of a message only these. `others`: how many more lists mail the subscriber.
    `has_moved`: the link is of a message to a former address, which `masked` is.
    `words`: the consent text for joining lists here. `own` has the fields that subscribers edit themselves; it is empty for
    the link of a message. `language`: that of the page. `can_return`: the subscriber unsubscribed from everything, and no list is
    public; undoing that is the only way back to their lists.
    """

    masked: str
    has_moved: bool
    language: str
    may: bool
    stopped: OptOut
    lists: tuple[ListChoice, ...]
    words: str
    others: int
    own: Mapping[str, str] = field(repr=False)
    paused_until: float | None
    can_pause: bool
    can_return: bool
    has_public_lists: bool


def read_preferences(app: App, token: str) -> PreferencesPage | None:
    """Returns the present content of the page of `token`."""
    holder = find_holder(app, token)
    return None if holder is None else _page(app, holder)


def choose_lists(app: App, token: str, names: Collection[str], given: Mapping[str, str] = MappingProxyType({})) -> None:
    """Puts the subscriber on those of the shown lists that are in `names`, and on no other of them.

    A list that is new to the subscriber gets the fields that they gave to another. `given`: own fields that are saved as well,
    by the link that was mailed to the subscriber alone. Raises OwnFieldError before anything is changed.
    """
    holder = require_holder(app, token)
    page = _page(app, holder)
    own = _own_by_list(app, given) if page.may else {}
    known = {each.list for each in app.ledger.members.of(holder.address.identity) if each.removed_at is None}
    on = {
        each.settings.name: {}
        if each.settings.name in known
        else {name: page.own[name] for name in each.settings.own_fields if page.own.get(name)}
        for each in page.lists
        if each.settings.name in names and page.may
    }
    off = [each.settings.name for each in page.lists if each.settings.name not in names]
    app.ledger.preferences.set_lists(holder.address, on, off, words=page.words, source=BY_READER)
    if own:
        app.ledger.preferences.set_profile(holder.address.identity, own, source=BY_READER)


def save_own_fields(app: App, token: str, given: Mapping[str, str]) -> None:
    """Saves the subscriber's own fields, on each of their lists that has them as such. Raises OwnFieldError."""
    holder = require_holder(app, token, mailed=True)
    app.ledger.preferences.set_profile(holder.address.identity, _own_by_list(app, given), source=BY_READER)


def _own_by_list(app: App, given: Mapping[str, str]) -> dict[str, dict[str, str]]:
    """Returns the values of `given` for each list that leaves such a field to its readers. Raises OwnFieldError."""
    values = {name: clean_value(value) for name, value in given.items()}
    own = {each.name: {name: values[name] for name in each.own_fields if name in values} for each in _public(app)}
    for saved in own.values():
        require_no_web_address(saved)
    return {name: saved for name, saved in own.items() if saved}


def pause_mail(app: App, token: str, weeks: int) -> bool:
    """Pauses all mail for so many weeks from now; one of WEEKS. Returns False if a longer pause stays as it was."""
    holder = require_holder(app, token)
    until = app.clock() + weeks * _WEEK
    app.ledger.preferences.pause(holder.address.identity, until, source=BY_READER, may_shorten=holder.is_mailed_link)
    paused_until = _page(app, holder).paused_until
    return paused_until is None or paused_until <= until


def resume_mail(app: App, token: str) -> None:
    """Ends the subscriber's pause now."""
    app.ledger.preferences.resume(require_holder(app, token, mailed=True).address.identity, source=BY_READER)


def resubscribe(app: App, token: str) -> None:
    """Undoes the subscriber's own opt-out, whenever it was: the lists that they are on mail them again."""
    identity = require_holder(app, token, mailed=True).address.identity
    app.ledger.suppressions.undo(identity, source=BY_READER)


def unsubscribe_all(app: App, token: str) -> None:
    """Unsubscribes from everything, as the link in a message does."""
    holder = require_holder(app, token)
    if holder.delivery_id is None:
        app.ledger.suppressions.unsubscribe(holder.address.identity, source=OptOutSource.PAGE.value)
    else:
        app.ledger.suppressions.unsubscribe_delivery(holder.delivery_id, source=OptOutSource.PAGE.value).result()


def request_mailed_link(app: App, token: str) -> bool:
    """Has the other kind of link mailed to the subscriber; False if one was within a day."""
    return app.ledger.transactional.request_link(require_holder(app, token).address)


def read_own_data(app: App, token: str) -> SubscriberProfile:
    """Returns everything that is known of the subscriber, as `subscriber export` has it."""
    return subject_copy(find_profile(app, require_holder(app, token, mailed=True).address))


@dataclass(frozen=True, slots=True, kw_only=True)
class ErasedRow:
    """A row that a list file still has of an erased subscriber; `line` as of its last sync, None for one appended since."""

    list: str
    line: int | None

    def __str__(self) -> str:
        where = f"line {self.line} as of its last sync" if self.line else "its last rows"
        return f"subscribers/{self.list}.csv, {where}"


def has_rows_in_files(app: App, token: str) -> bool:
    """Returns whether erasing would leave rows of list files, which an admin is to delete."""
    return bool(_rows_in_files(app, require_holder(app, token, mailed=True).address.identity))


def erase_own_data(app: App, token: str) -> tuple[ErasedRow, ...]:
    """Erases the subscriber, including their former addresses. Returns the rows of list files, which an admin is to delete."""
    identity = require_holder(app, token, mailed=True).address.identity
    rows = _rows_in_files(app, identity)
    try:
        erase_everywhere(app, identity, by=BY_READER)
    except CopiesLeftError as error:  # the reader can do nothing about it
        _log.error("%s", error)
    return rows


def _rows_in_files(app: App, identity: str) -> tuple[ErasedRow, ...]:
    members = app.ledger.members
    return tuple(
        ErasedRow(list=each.list, line=each.line)
        for address in (identity, *members.former_addresses(identity))
        for each in members.of(address)
        if each.in_file and each.removed_at is None
    )


def _public(app: App) -> tuple[ListSettings, ...]:
    return public_lists(app.workspace.subscribers, app.workspace.list_names())


def _page(app: App, holder: LinkHolder) -> PreferencesPage:
    suppression = app.ledger.suppressions.get(holder.address.identity)
    stopped = OptOut.NO
    if suppression is not None:
        stopped = OptOut.HELD if suppression.reason is SuppressionReason.BY_HAND else OptOut.LEFT
    memberships = {
        each.list: each for each in app.ledger.members.of(holder.address.identity) if each.removed_at is None
    }
    mailed = {name: each for name, each in memberships.items() if each.is_mailed}
    public = _public(app)
    lists = tuple(
        ListChoice(settings=each, is_on=each.name in mailed and stopped is OptOut.NO)
        for each in public
        if holder.is_mailed_link or (each.name in mailed and stopped is OptOut.NO)
    )
    return PreferencesPage(
        masked=holder.shown,
        has_moved=holder.has_moved,
        language=holder.language,
        may=holder.is_mailed_link,
        stopped=stopped,
        lists=tuple(sorted(lists, key=lambda each: not each.is_on)),
        words=gettext(effective_language(holder.language or app.publication.language), CONSENT_TEXT),
        others=len(mailed.keys() - {each.name for each in public}) if stopped is OptOut.NO else 0,
        own=_own(public, memberships) if holder.is_mailed_link else {},
        paused_until=paused_until(mailed.values(), app.clock()),
        can_pause=bool(mailed) and stopped is OptOut.NO,
        can_return=suppression is not None
        and suppression.reason is SuppressionReason.UNSUBSCRIBED
        and bool(mailed)
        and not public,
        has_public_lists=bool(public),
    )


def _own(public: Collection[ListSettings], memberships: Mapping[str, Membership]) -> dict[str, str]:
    """Returns the fields that lists leave to the subscriber: each once, with the first value found."""
    found: dict[str, str] = {}
    for each in public:
        if each.name in memberships:
            for name in each.own_fields:
                found[name] = found.get(name) or memberships[each.name].values.get(name, "")
    return found
