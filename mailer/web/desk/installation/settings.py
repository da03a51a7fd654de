"""The settings of the installation: a form for each section, the relay and its test, and what only the server's operator sets.

What was typed into a form that is not accepted stays, but passwords, which are never shown. A change asks for the user's own
password, and the activity log names the settings without their values.
"""

from collections.abc import Iterable, Mapping

from starlette.exceptions import HTTPException
from starlette.responses import Response

from mailer.app import App
from mailer.errors import UsageError
from mailer.ledger.types.roles_and_scopes import Role
from mailer.mime.dkim.keys import DnsRecord, Key
from mailer.service.installation.change import (
    InvalidSettingsError,
    StoredSettings,
    change_settings,
    default_text,
    stored_settings,
)
from mailer.service.installation.editable import RELAY, SERVER_ONLY
from mailer.service.installation.relay_check import RelayCheck, check_relays
from mailer.service.installation.relay_entry import RelayEntry, RelayEntryError, relay_entry, relay_url
from mailer.settings.env_file import EnvFileError
from mailer.settings.settings import Settings
from mailer.web.desk.accounts.reauthentication import NotProvenError, needs_password, require_proof
from mailer.web.desk.flash import Flash
from mailer.web.desk.installation.labels import (
    SECTIONS,
    SERVER_LABELS,
    FieldKind,
    SettingSection,
    label_of,
)
from mailer.web.desk.plain_language import as_sentence, plain_text
from mailer.web.desk.request import DeskRequest
from mailer.web.desk.route import DeskRoute

HERE = "/desk/settings/newsletter"
_NOT_SAVED = Flash("Nothing was saved. See what is marked below.", bad=True)
_PASSWORD = "password"  # noqa: S105 - the name of a field


def _show(request: DeskRequest) -> Response:
    return _page(request, stored_settings(request.app))


def _page(
    request: DeskRequest,
    stored: StoredSettings,
    *,
    section: str = "",
    typed: Mapping[str, str] | None = None,
    entry: RelayEntry | None = None,
    problems: Mapping[str, str] | None = None,
) -> Response:
    """Shows all sections; `typed`, or the `entry` of the relay, are in the form of `section`, with its `problems` by field."""
    wrong = problems or {}
    relays = stored.settings.relay if stored.settings else ()
    return request.page(
        "installation",
        status=422 if wrong else 200,
        flash=_NOT_SAVED if wrong else request.flash,
        heading="Newsletter settings",
        sections=SECTIONS,
        kinds=FieldKind,
        values={**{name: stored.texts.get(name, "") for each in SECTIONS for name in each.fields}, **(typed or {})},
        defaults={name: default_text(name) for each in SECTIONS for name in each.fields},
        field_name=_field_name,
        fixed=stored.fixed,
        can_write=stored.is_writable,
        digest=stored.digest,
        tried=section,
        problems={_field_name(name): as_sentence(plain_text(words, is_admin=True)) for name, words in wrong.items()},
        file_problems=[f"{label_of(each.name)}: {plain_text(each.words, is_admin=True)}" for each in stored.problems],
        waiting=[label_of(name) for name in stored.unapplied],
        relay=entry or (relay_entry(relays[0]) if len(relays) == 1 else None),
        relays=[str(each) for each in relays],
        has_password=bool(relays and relays[0].password.get_secret_value()),
        is_relay_fixed=RELAY in stored.fixed,
        asks_password=needs_password(request),
        server=_server_rows(request.app),
        records=_dns_records(request.app),
    )


def _save(request: DeskRequest) -> Response:
    section = next((each for each in SECTIONS if each.id == request.path["section"]), None)
    if section is None:
        raise HTTPException(404)
    stored = stored_settings(request.app)
    typed = {name: _typed(request, section, name) for name in section.fields if name not in stored.fixed}
    return _change(request, stored, section.id, typed, typed=typed)


def _save_relay(request: DeskRequest) -> Response:
    stored, form = stored_settings(request.app), request.form
    if stored.settings is None or len(stored.settings.relay) != 1:
        raise UsageError("The mail server cannot be changed here.", "Ask the person who runs the server.")
    entry = RelayEntry(
        host=form.text("host"),
        port=form.text("port"),
        tls=form.text("tls"),
        username=form.text("username"),
        password=form.raw("relay_password"),
    )
    try:
        url = relay_url(entry, stored.settings.relay[0])
    except RelayEntryError as error:
        field = "relay_password" if error.name == _PASSWORD else error.name
        return _page(request, stored, section="relay", entry=entry, problems={field: str(error)})
    return _change(request, stored, "relay", {RELAY: url}, entry=entry)


def _change(
    request: DeskRequest,
    stored: StoredSettings,
    section: str,
    changes: Mapping[str, str],
    *,
    typed: Mapping[str, str] | None = None,
    entry: RelayEntry | None = None,
) -> Response:
    """Saves the changes of one section; shows the form again, as it was typed, if that fails."""
    problems: Mapping[str, str]
    try:
        require_proof(request)
        changed = change_settings(request.app, changes, request.form.text("digest"))
    except NotProvenError as error:
        problems = {_PASSWORD: str(error)}
    except InvalidSettingsError as error:
        problems = {"host" if name == RELAY else name: words for name, words in error.problems.items()}
    except EnvFileError as error:
        problems = {"": str(error)}
    else:
        if not changed:
            return request.redirect(f"{HERE}#{section}", "Nothing was changed.")
        request.record("settings.change", section, ", ".join(map(label_of, changed)))
        return request.redirect(f"{HERE}#{section}", "Saved. It takes effect when the server is restarted.")
    return _page(request, stored, section=section, typed=typed, entry=entry, problems=problems)


def _test_relay(request: DeskRequest) -> Response:
    request.limits.check_relay(request.user.id)
    stored = stored_settings(request.app)
    if stored.settings is None:
        raise UsageError("The stored settings have an error.", "Correct it first.")
    checks = check_relays(request.app, stored.settings, request.user.email)
    request.record("settings.test", "relay", ", ".join(each.relay for each in checks))
    words = " ".join(_describe_check(each, request.user.email) for each in checks)
    return request.redirect(f"{HERE}#relay", words, bad=any(each.problem for each in checks))


def _describe_check(check: RelayCheck, email: str) -> str:
    """Describes a test: `mail.example.org:587: connected, signed in, and took a message to you@example.org.`"""
    done = [
        words
        for words, is_done in (
            ("connected", check.is_connected),
            ("signed in", check.is_signed_in),
            (f"took a message to {email}", check.is_accepted),
        )
        if is_done
    ]
    told = f"{check.relay}: {', '.join(done) or 'not connected'}."
    if check.problem:
        return f"{told} Then: {check.problem}"
    return told if email else f"{told} To have a message sent to you, enter your e-mail address under Settings."


def _typed(request: DeskRequest, section: SettingSection, name: str) -> str:
    field, kind = _field_name(name), section.fields[name].kind
    if kind is FieldKind.FLAG:
        return "true" if request.form.has(field) else "false"
    return request.form.text(field).replace("\r\n", "\n")


def _field_name(name: str) -> str:
    """Returns the name of a form field for a setting."""
    return name.removeprefix("MAILER_").lower()


def _server_rows(app: App) -> list[tuple[str, str, str]]:
    """Returns label, value and reason of what only the person who runs the server sets. No value is a secret."""
    settings = app.settings
    is_sqlite = settings.database_url.get_secret_value().startswith("sqlite")
    values = {
        "MAILER_BASE_URL": settings.base_url,
        "MAILER_DATABASE_URL": "SQLite, on this machine" if is_sqlite else "PostgreSQL",
        "MAILER_SECRET_KEYS": str(len(settings.secret_keys)),
        "MAILER_ALLOW_PLAINTEXT": "allowed" if settings.allow_plaintext else "refused",
        "MAILER_TRUSTED_PROXIES": _listed(map(str, settings.trusted_proxies)),
        "MAILER_WEBHOOK_NETWORKS": _listed(map(str, settings.webhook_networks)),
        "MAILER_OIDC_ISSUER": settings.oidc_issuer or "none",
        "MAILER_DKIM_DOMAIN": _listed(f"{each.selector} at {each.domain}" for each in app.signing.signers),
        "MAILER_INBOUND_LMTP": _inbound(settings),
        "MAILER_FEEDBACK_SES": _listed(_reporting(settings)),
    }
    return [(label, values[name], SERVER_ONLY[name]) for name, label in SERVER_LABELS.items()]


def _dns_records(app: App) -> list[tuple[str, str]]:
    """Returns name and value of the DNS record for each key that signs messages."""
    keys = ((each.domain, each.selector, each.key) for each in app.signing.signers)
    records = (DnsRecord.of(domain, selector, key) for domain, selector, key in keys if isinstance(key, Key))
    return [(each.name, each.text) for each in records]


def _reporting(settings: Settings) -> list[str]:
    names = ("ses", "mailgun", "sendgrid", "postmark", "brevo", "mailjet", "sparkpost", "resend", "postal")
    return [name for name in names if settings.feedback_secrets(name)]


def _inbound(settings: Settings) -> str:
    ways = {"LMTP": settings.inbound_lmtp, "IMAP": settings.inbound_imap, "a Maildir": settings.inbound_maildir}
    return _listed(name for name, value in ways.items() if value)


def _listed(words: Iterable[str]) -> str:
    return ", ".join(words) or "none"


ROUTES = (
    DeskRoute("GET", HERE, Role.ADMIN, _show),
    DeskRoute("POST", f"{HERE}/relay", Role.ADMIN, _save_relay),
    DeskRoute("POST", f"{HERE}/relay/test", Role.ADMIN, _test_relay),
    DeskRoute("POST", f"{HERE}/{{section}}", Role.ADMIN, _save),
)
