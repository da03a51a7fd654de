"""The preferences page of a subscriber: which lists they are on, and what they can change.

    read_preferences(app, token)                                      the page of a link; changes nothing
    choose_lists, pause_mail, unsubscribe_all, request_mailed_link              by any link
    resume_mail, save_own_fields, export_own_data, erase_own_data               by a link that was mailed to the reader alone

Changes take effect at once, also for running sends. Each function takes the token of a link (preferences_link.py) and raises
LinkError for one that does not allow the change. By the link of a message, lists can only be left, and a pause only be extended.
Blocking; raises LedgerError, ListSettingsError.
"""

import logging
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from mailer.addresses import mask_address
from mailer.app import App
from mailer.audience.list_settings import ListSettings, public_lists
from mailer.csv.rows import Status
from mailer.ledger.types.subscribers import Membership, StatusSource
from mailer.ledger.types.suppressions import SuppressionReason
from mailer.service.subscribers.erasure import CopiesLeftError, erase_everywhere
from mailer.service.subscribers.own_fields import clean_value, require_no_web_address
from mailer.service.subscribers.preferences_link import BY_READER, LinkHolder, find_holder, require_holder
from mailer.service.subscribers.profile import find_profile, profile_object, subject_copy
from mailer.service.subscribers.signup import consent_text
from mailer.service.subscribers.unsubscribe import OptOutSource

WEEKS = (1, 2, 4, 8, 12, 26)
"""The choices for the length of a pause."""

_WEEK = 7 * 86_400.0

_log = logging.getLogger(__name__)


class OptOut(StrEnum):
    """Why nothing at all is sent to the subscriber."""

    NO = ""
    LEFT = "left"  # their own opt-out; joining a list ends it
    HELD = "held"  # suppressed by an admin; they cannot change it


@dataclass(frozen=True, slots=True, kw_only=True)
class ListChoice:
    """A list that is shown to the subscriber. `words`: the consent text for joining it."""

    settings: ListSettings
    is_on: bool
    words: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PreferencesPage:
    """The content of a preferences page. `masked` is the masked address; `may`: the link was mailed to the subscriber alone.

    `lists` are the public ones, for the link of a message only those that mail the subscriber; `others`: how many more lists do.
    `own` has the fields that subscribers edit themselves; it is empty for the link of a message.
    """

    masked: str
    may: bool
    stopped: OptOut
    lists: tuple[ListChoice, ...]
    others: int
    own: Mapping[str, str] = field(repr=False)
    paused_until: float | None
    can_pause: bool
    has_public_lists: bool


def read_preferences(app: App, token: str) -> PreferencesPage | None:
    """Returns the present content of the page of `token`."""
    holder = find_holder(app, token)
    return None if holder is None else _page(app, holder)


def choose_lists(app: App, token: str, names: Collection[str]) -> None:
    """Puts the subscriber on those of the shown lists that are in `names`, and on no other of them."""
    holder = require_holder(app, token)
    page = _page(app, holder)
    on = {each.settings.name: each.words for each in page.lists if each.settings.name in names and page.may}
    off = [each.settings.name for each in page.lists if each.settings.name not in names]
    app.ledger.preferences.set_lists(holder.address, on, off, source=BY_READER)


def save_own_fields(app: App, token: str, given: Mapping[str, str]) -> None:
    """Saves the subscriber's own fields, on each of their lists that has them as such. Raises OwnFieldError."""
    holder = require_holder(app, token, mailed=True)
    values = {name: clean_value(value) for name, value in given.items()}
    own = {each.name: {name: values[name] for name in each.own_fields if name in values} for each in _public(app)}
    for saved in own.values():
        require_no_web_address(saved)
    app.ledger.preferences.set_profile(holder.address.identity, own, source=BY_READER)


def pause_mail(app: App, token: str, weeks: int) -> None:
    """Pauses all mail for so many weeks from now; one of WEEKS."""
    holder = require_holder(app, token)
    until = app.clock() + weeks * _WEEK
    app.ledger.preferences.pause(holder.address.identity, until, source=BY_READER, may_shorten=holder.is_mailed_link)


def resume_mail(app: App, token: str) -> None:
    """Ends the subscriber's pause now."""
    app.ledger.preferences.resume(require_holder(app, token, mailed=True).address.identity, source=BY_READER)


def unsubscribe_all(app: App, token: str) -> None:
    """Unsubscribes from everything, as the link in a message does."""
    app.ledger.suppressions.unsubscribe(require_holder(app, token).address.identity, source=OptOutSource.PAGE.value)


def request_mailed_link(app: App, token: str) -> None:
    """Has the other kind of link mailed to the subscriber."""
    app.ledger.transactional.request_link(require_holder(app, token).address)


def export_own_data(app: App, token: str) -> dict[str, object]:
    """Returns everything that is known of the subscriber, as `subscriber export` does."""
    return profile_object(subject_copy(find_profile(app, require_holder(app, token, mailed=True).address)))


def erase_own_data(app: App, token: str) -> None:
    """Erases the subscriber, including their former addresses."""
    holder = require_holder(app, token, mailed=True)
    try:
        erase_everywhere(app, holder.address.identity, by=BY_READER)
    except CopiesLeftError as error:  # the reader can do nothing about it
        _log.error("%s", error)


def _public(app: App) -> tuple[ListSettings, ...]:
    return public_lists(app.workspace.subscribers, app.workspace.list_names())


def _page(app: App, holder: LinkHolder) -> PreferencesPage:
    suppression = app.ledger.suppressions.get(holder.address.identity)
    stopped = OptOut.NO
    if suppression is not None:
        stopped = OptOut.HELD if suppression.reason is SuppressionReason.BY_HAND else OptOut.LEFT
    now = app.clock()
    memberships = {
        each.list: each for each in app.ledger.members.of(holder.address.identity) if each.removed_at is None
    }
    mailed = {name: each for name, each in memberships.items() if _is_mailed(each)}
    public = _public(app)
    lists = tuple(
        ListChoice(settings=each, is_on=each.name in mailed and stopped is OptOut.NO, words=consent_text(app, each))
        for each in public
        if holder.is_mailed_link or (each.name in mailed and stopped is OptOut.NO)
    )
    pauses = [each.paused_until for each in mailed.values() if _is_paused(each, now)]
    return PreferencesPage(
        masked=mask_address(holder.address.envelope),
        may=holder.is_mailed_link,
        stopped=stopped,
        lists=lists,
        others=len(mailed.keys() - {each.name for each in public}) if stopped is OptOut.NO else 0,
        own=_own(public, memberships) if holder.is_mailed_link else {},
        paused_until=max((until for until in pauses if until is not None), default=None),
        can_pause=bool(mailed) and stopped is OptOut.NO,
        has_public_lists=bool(public),
    )


def _is_mailed(each: Membership) -> bool:
    """Returns whether the list mails the subscriber, now or after a pause."""
    return each.status in {Status.SUBSCRIBED, Status.PAUSED}


def _is_paused(each: Membership, now: float) -> bool:
    return each.status_source is StatusSource.PERSON and each.effective_status(now) is Status.PAUSED


def _own(public: Collection[ListSettings], memberships: Mapping[str, Membership]) -> dict[str, str]:
    """Returns the fields that lists leave to the subscriber: each once, with the first value found."""
    found: dict[str, str] = {}
    for each in public:
        if each.name in memberships:
            for name in each.own_fields:
                found[name] = found.get(name) or memberships[each.name].values.get(name, "")
    return found
