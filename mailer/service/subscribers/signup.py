"""Signing up to a list: the request, and its confirmation by the owner of the address.

    public_list(app, name)                    a list that anybody may join; None for any other
    request_signup(app, list, ...)            the request; takes the same steps for known and unknown addresses
    read_confirmation(app, token)             the sign-up that the link in a confirmation mail is for; changes nothing
    confirm_signup(app, token, choice)        confirms it
    request_signup_again(app, token, ...)     has another mail sent, for an expired link
    request_link_mail(app, address)           has the link to the preferences page mailed

An invalid token, or one whose mail was purged, gives None. A field with a web address raises OwnFieldError. Blocking; raises
LedgerError, ListSettingsError.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from mailer.addresses import Address, mask_address, parse_address
from mailer.app import App
from mailer.audience.list_settings import ListSettings, load_list_settings, public_lists
from mailer.i18n.translations import effective_language, gettext, translatable
from mailer.ledger.subscribers.signups import Signup, SignupRequest, parse_signup_request
from mailer.link_tokens import MailedLink
from mailer.service.subscribers.own_fields import has_web_address, own_field_values, require_no_web_address

CONSENT_TEXT = translatable(
    "By signing up, you agree to receive %(name)s by e-mail. You can unsubscribe at any time with the link in each issue."
)


class SignupForm(StrEnum):
    """The form by which somebody signed up, as recorded with the consent."""

    PAGE = "page"
    API = "api"
    ANEW = "new link"


class SignupState(StrEnum):
    """The state of a request."""

    WAITING = "waiting"
    CONFIRMED = "confirmed"
    LEFT = "left"  # confirmed, and unsubscribed since
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True, kw_only=True)
class PendingList:
    """A list that waits for its confirmation, with the values of the subscriber's own fields."""

    settings: ListSettings
    own: Mapping[str, str] = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Confirmation:
    """The sign-up that a confirmation link is for. `masked` is the masked address; `confirmed_titles`: of the lists joined."""

    state: SignupState
    masked: str
    waiting: tuple[PendingList, ...] = ()
    confirmed_titles: tuple[str, ...] = ()
    language: str = ""


def public_list(app: App, name: str) -> ListSettings | None:
    """Returns the settings of the list `name`, if anybody may join it."""
    if name not in app.workspace.list_names():
        return None
    settings = load_list_settings(app.workspace.subscribers, name)
    return settings if settings.public else None


def public_lists_of(app: App, names: Iterable[str]) -> tuple[ListSettings, ...]:
    """Returns those of the lists `names` that anybody may join."""
    found = (public_list(app, name) for name in names)
    return tuple(each for each in found if each is not None)


def open_lists(app: App) -> tuple[ListSettings, ...]:
    """Returns the lists that anybody may join; without those whose settings cannot be read."""
    return public_lists(app.workspace.subscribers, app.workspace.list_names(), skip_invalid=True)


def has_public_lists(app: App) -> bool:
    """Returns whether anybody may join a list."""
    return bool(open_lists(app))


def consent_text(app: App, wanted: ListSettings) -> str:
    """Returns the consent text, as the form shows it and the consent record keeps it."""
    return gettext(effective_language(wanted.language or app.publication.language), CONSENT_TEXT, name=wanted.shown)


def request_signup(
    app: App,
    wanted: ListSettings,
    address: Address,
    own: Mapping[str, str],
    *,
    form: SignupForm,
    ip: str,
    words: str = "",
) -> None:
    """Requests a sign-up. `own`: the fields that were filled in; `ip` is truncated.

    `words`: the consent text of an earlier request for the same list; default: that of the list's page.
    """
    values = own_field_values(wanted.own_fields, own)
    require_no_web_address(values)
    app.ledger.signups.request_signup(
        Signup(
            list=wanted.name,
            address=address,
            profile=values,
            form=form.value,
            words=words or consent_text(app, wanted),
            ip=ip,
        )
    )


def read_confirmation(app: App, token: str) -> Confirmation | None:
    """Returns the sign-up that `token` is for."""
    request = _request(app, token)
    return None if request is None else _confirmation(app, request)


def confirm_signup(app: App, token: str, choice: Mapping[str, Mapping[str, str]]) -> Confirmation | None:
    """Confirms the sign-up to the lists of `choice`, with their fields. Idempotent."""
    request = _request(app, token)
    if request is None:
        return None
    lists = public_lists_of(app, [name for name in request.waiting if name in choice])
    own = {each.name: own_field_values(each.own_fields, choice[each.name]) for each in lists}
    for values in own.values():
        require_no_web_address(values)
    done = app.ledger.signups.confirm(
        request.mail_id,
        own,
        source=f"confirmed {SignupForm.PAGE}",
        welcomes={each.name: each.welcome for each in lists if each.welcome},
    )
    return _confirmation(app, done or request)


def request_signup_again(app: App, token: str, *, ip: str) -> Confirmation | None:
    """Has another confirmation mailed for the lists that still wait behind `token`."""
    request = _request(app, token)
    if request is None:
        return None
    asked = app.ledger.signups.consents(request.identity)
    words = {each.list: each.words for each in asked if not each.is_imported}
    address = parse_address(request.address)
    for each in public_lists_of(app, request.waiting):
        consent = words.get(each.name, "")
        own = {name: value for name, value in request.waiting[each.name].items() if not has_web_address(value)}
        request_signup(app, each, address, own, form=SignupForm.ANEW, ip=ip, words=consent)
    return _confirmation(app, request)


def request_link_mail(app: App, address: Address) -> bool:
    """Has the link to the preferences page mailed to `address`, if it is known; False if one was within a day."""
    return app.ledger.transactional.request_link(address)


def _request(app: App, token: str) -> SignupRequest | None:
    return parse_signup_request(app.ledger.transactional.linked(app.keys.link_digest(MailedLink.SIGNUP, token)))


def _is_mailed(app: App, request: SignupRequest) -> bool:
    """Whether one of the confirmed lists mails the subscriber, now or after a pause."""
    if app.ledger.suppressions.get(request.identity) is not None:
        return False
    members = (app.ledger.members.get(name, request.identity) for name in request.confirmed)
    return any(each is not None and each.is_mailed for each in members)


def _confirmation(app: App, request: SignupRequest) -> Confirmation | None:
    lists = public_lists_of(app, request.waiting)
    confirmed = [load_list_settings(app.workspace.subscribers, name) for name in request.confirmed]
    if not lists and not confirmed:
        return None  # no longer public
    state = SignupState.WAITING if lists else SignupState.CONFIRMED
    if not lists and not _is_mailed(app, request):
        state = SignupState.LEFT
    if lists and request.is_expired(app.clock()):
        state = SignupState.EXPIRED
    return Confirmation(
        state=state,
        masked=mask_address(request.address),
        waiting=tuple(
            PendingList(settings=each, own=own_field_values(each.own_fields, request.waiting[each.name]))
            for each in lists
        ),
        confirmed_titles=tuple(each.shown for each in confirmed),
        language=(*lists, *confirmed)[0].language,
    )
