"""A person's own page: what they get from us, and what they say of it.

    read_page(newsroom, token)            what a link leads to; changes nothing
    issue_nonce, is_fresh                 what each form of the page carries
    choose, keep, pause, resume, leave_all   said at once, and heeded by every send from then on
    ask_link, ask_address, my_data, erase

Two kinds of link lead there. One is in reach of every letter, which people pass on: whoever has it can do what can be undone.
The other is mailed to the address alone, when it is asked for: it also shows all that is known, moves to another address,
erases, and brings back who had left. A nonce belongs to one page, and is good for NONCE_FOR seconds: a form that lay
open for a week says nothing today.

A token that nobody made, or whose person is not known any more, is None, or a LinkError where something was to be done.
Blocking; raises LedgerError, ListSettingsError.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from hashlib import sha256

from mailer.audience.address import Address, parse_address
from mailer.audience.listsettings import ListSettings, public_lists
from mailer.audience.row import Status, clean
from mailer.audience.token import Purpose, is_inert
from mailer.ledger.pseudonyms import is_marker
from mailer.ledger.types_subscribers import Membership, Speaker
from mailer.ledger.types_suppressions import SuppressionReason
from mailer.ledger.wishes import Move
from mailer.service.joining import LONGEST_VALUE, words_for
from mailer.service.leaving import Source, mask
from mailer.service.newsroom import Newsroom
from mailer.service.person import find_person, own_copy, person_object

BY_PERSON = "person"
NONCE_FOR = 12 * 3600
WEEKS = (1, 2, 4, 8, 12, 26)
"""How long a pause may be."""

_STEPS_BACK = 5.0  # seconds that a clock may have been set back since
_WEEK = 7 * 86_400.0
_FINGERPRINT = 31  # bits of a nonce that say which page it is from; those before them are its time


class LinkError(LookupError):
    """A link that leads nowhere, or not that far."""


class Stopped(StrEnum):
    """Why nothing is sent to the person at all."""

    NO = ""
    LEFT = "left"  # they said so, and take it back by joining a list
    HELD = "held"  # an admin said so: here is nothing to be done


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """A list that the person sees. `words`: what they agree to by joining it."""

    settings: ListSettings
    is_on: bool
    words: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnPage:
    """What a link leads to. `masked` is the address as its owner knows it again; `may`: the link was mailed to it alone.

    `lists` are those that readers may join; `others`: how many more mail the person. `own` has the fields that are theirs.
    """

    masked: str
    may: bool
    stopped: Stopped
    lists: tuple[Choice, ...]
    others: int
    own: Mapping[str, str] = field(repr=False)
    paused_until: float | None
    can_pause: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class _Holder:
    """Who holds a link. `number` is what the token seals, for its `purpose`."""

    purpose: Purpose
    number: int
    person: Address

    @property
    def may(self) -> bool:
        return self.purpose is Purpose.MEMBER


def read_page(newsroom: Newsroom, token: str) -> OwnPage | None:
    """What `token` leads to, as things stand now."""
    holder = _holder(newsroom, token)
    return None if holder is None else _page(newsroom, holder)


def issue_nonce(newsroom: Newsroom, token: str) -> str:
    """What a form on the page of `token` carries, shown now."""
    return newsroom.keys.issue(Purpose.NONCE, int(newsroom.clock()) << _FINGERPRINT | _fingerprint(token))


def is_fresh(newsroom: Newsroom, token: str, nonce: str) -> bool:
    """Whether `nonce` was shown on the page of `token`, not long ago."""
    number = newsroom.keys.read(Purpose.NONCE, nonce)
    if number is None or number & (1 << _FINGERPRINT) - 1 != _fingerprint(token):
        return False
    return -_STEPS_BACK <= newsroom.clock() - (number >> _FINGERPRINT) <= NONCE_FOR


def choose(newsroom: Newsroom, token: str, names: Collection[str]) -> bool:
    """Be on those of the shown lists that are in `names`, and on no other of them. False: nobody came back by it."""
    holder = _held(newsroom, token)
    page = _page(newsroom, holder)
    on = {each.settings.name: each.words for each in page.lists if each.settings.name in names}
    off = [each.settings.name for each in page.lists if each.settings.name not in on]
    return newsroom.ledger.wishes.choose(holder.person, on, off, source=BY_PERSON, may_return=holder.may)


def keep(newsroom: Newsroom, token: str, given: Mapping[str, str]) -> None:
    """The person's own fields, on each of their lists that has them as such."""
    holder = _held(newsroom, token)
    values = {name: clean(value)[:LONGEST_VALUE].strip() for name, value in given.items()}
    own = {each.name: {name: values[name] for name in each.own_fields if name in values} for each in _public(newsroom)}
    newsroom.ledger.wishes.keep(holder.person.identity, own, source=BY_PERSON)


def pause(newsroom: Newsroom, token: str, weeks: int) -> None:
    """No letters for so many weeks from now; one of WEEKS."""
    holder = _held(newsroom, token)
    newsroom.ledger.wishes.pause(holder.person.identity, newsroom.clock() + weeks * _WEEK, source=BY_PERSON)


def resume(newsroom: Newsroom, token: str) -> None:
    """End the person's pause now."""
    newsroom.ledger.wishes.resume(_held(newsroom, token).person.identity, source=BY_PERSON)


def leave_all(newsroom: Newsroom, token: str) -> None:
    """No letters from anywhere, as the link of a letter has it."""
    newsroom.ledger.suppressions.unsubscribe(_held(newsroom, token).person.identity, source=Source.PAGE.value)


def ask_link(newsroom: Newsroom, token: str) -> None:
    """Have the other kind of link mailed to the person."""
    newsroom.ledger.letters.ask_link(_held(newsroom, token).person)


def ask_address(newsroom: Newsroom, token: str, new: Address) -> None:
    """Have a letter sent to `new` that asks for confirmation. What stands behind that address does not show."""
    holder = _held(newsroom, token, alone=True)
    newsroom.ledger.wishes.ask_address(holder.number, new)


def my_data(newsroom: Newsroom, token: str) -> dict[str, object]:
    """Everything that is known of the person, as `subscriber export` has it."""
    return person_object(own_copy(find_person(newsroom, _held(newsroom, token, alone=True).person)))


def erase(newsroom: Newsroom, token: str) -> None:
    """Forget the person, and the addresses that they had before."""
    holder = _held(newsroom, token, alone=True)
    newsroom.ledger.erasure.erase(holder.person.identity, source=BY_PERSON)


@dataclass(frozen=True, slots=True, kw_only=True)
class Moving:
    """What the link of a letter to a new address asks. `masked` is the new one."""

    masked: str
    move: Move | None = None


def read_move(newsroom: Newsroom, token: str) -> Moving | None:
    """What the link in such a letter stands for; changes nothing."""
    number = newsroom.keys.read(Purpose.ADDRESS, token)
    letter = None if number is None else newsroom.ledger.wishes.asked_address(number)
    return None if letter is None else Moving(masked=mask(letter.address))


def confirm_move(newsroom: Newsroom, token: str) -> Moving | None:
    """Whoever reads at the new address says yes."""
    number = newsroom.keys.read(Purpose.ADDRESS, token)
    asked = read_move(newsroom, token)
    if number is None or asked is None:
        return None
    return Moving(masked=asked.masked, move=newsroom.ledger.wishes.move(number, source=BY_PERSON))


def page_token(newsroom: Newsroom, unsubscribe_token: str) -> str:
    """The token of the own page for who holds the unsubscribe link of a letter; "" for a link that is nobody's."""
    number = None if is_inert(unsubscribe_token) else newsroom.keys.read(Purpose.UNSUBSCRIBE, unsubscribe_token)
    return "" if number is None else newsroom.keys.issue(Purpose.PREFERENCES, number)


def _holder(newsroom: Newsroom, token: str) -> _Holder | None:
    number = newsroom.keys.read(Purpose.MEMBER, token)
    if number is not None:
        person = newsroom.ledger.wishes.person(number)
        return None if person is None else _Holder(purpose=Purpose.MEMBER, number=number, person=person)
    number = newsroom.keys.read(Purpose.PREFERENCES, token)
    delivery = None if number is None else newsroom.ledger.report.delivery(number)
    if number is None or delivery is None or is_marker(delivery.identity):
        return None
    return _Holder(purpose=Purpose.PREFERENCES, number=number, person=parse_address(delivery.address))


def _held(newsroom: Newsroom, token: str, *, alone: bool = False) -> _Holder:
    """Who holds `token`; `alone`: it must be the kind that only the person has. Its page was read before."""
    holder = _holder(newsroom, token)
    if holder is None or (alone and not holder.may):
        raise LinkError("no link to do this with")
    return holder


def _public(newsroom: Newsroom) -> tuple[ListSettings, ...]:
    return public_lists(newsroom.workspace.subscribers, newsroom.workspace.list_names())


def _page(newsroom: Newsroom, holder: _Holder) -> OwnPage:
    standing = newsroom.ledger.suppressions.get(holder.person.identity)
    stopped = Stopped.NO
    if standing is not None:
        stopped = Stopped.HELD if standing.reason is SuppressionReason.BY_HAND else Stopped.LEFT
    now = newsroom.clock()
    mine = {each.list: each for each in newsroom.ledger.members.of(holder.person.identity) if each.removed_at is None}
    getting = {name: each for name, each in mine.items() if _gets(each)}
    public = _public(newsroom)
    lists = tuple(
        Choice(settings=each, is_on=each.name in getting and stopped is Stopped.NO, words=words_for(newsroom, each))
        for each in public
    )
    pauses = [each.paused_until for each in getting.values() if _is_paused(each, now)]
    return OwnPage(
        masked=mask(holder.person.envelope),
        may=holder.may,
        stopped=stopped,
        lists=lists,
        others=len(getting.keys() - {each.name for each in public}) if stopped is Stopped.NO else 0,
        own=_own(public, mine),
        paused_until=max((until for until in pauses if until is not None), default=None),
        can_pause=bool(getting) and stopped is Stopped.NO,
    )


def _gets(each: Membership) -> bool:
    """Whether the list mails the person, now or when a pause is over."""
    return each.status in {Status.SUBSCRIBED, Status.PAUSED}


def _is_paused(each: Membership, now: float) -> bool:
    return each.said_by is Speaker.PERSON and each.effective_status(now) is Status.PAUSED


def _own(public: Collection[ListSettings], mine: Mapping[str, Membership]) -> dict[str, str]:
    """The fields that lists leave to the person: each once, with the first value that there is."""
    found: dict[str, str] = {}
    for each in public:
        if each.name in mine:
            for name in each.own_fields:
                found[name] = found.get(name) or mine[each.name].values.get(name, "")
    return found


def _fingerprint(token: str) -> int:
    digest = sha256(token.lower().encode(errors="surrogatepass")).digest()
    return int.from_bytes(digest[:4], "big") >> 32 - _FINGERPRINT
