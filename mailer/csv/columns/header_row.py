"""The columns of a list: field names for the cells of its header.

A field name is the header in lower case, with each run of characters other than letters, marks and digits as one `_`, and none
at the ends: `Porto (2nd)` is `porto_2nd`. Common names of other languages and tools are then mapped to ours, with or without
accents:

    email       E-Mail, E-Mail-Adresse, Email Address, Mail, Correo electrónico, Adresse e-mail, Courriel, Indirizzo
                email, E-postadress, Sähköposti, Adres e-mail, Электронная почта, דוא״ל, البريد الإلكتروني, …
    first_name  First Name, Given Name, fname, Vorname, Prénom, Nombre, Primeiro nome, Nome próprio, Voornaam, שם פרטי, …
    last_name   Last Name, Surname, Family Name, lname, Nachname, Nom de famille, Apellido(s), Sobrenome, Cognome, …
    name        Full Name, Display Name, Nom complet, Nombre completo, Nome completo, …
    city        Town, Stadt, Ort, Ville, Ciudad, Cidade, Città, …
    country     Land, Pays, País, Paese, …
    status      Subscription Status, Subscriber Status

Two columns with the same field name are an error. The address column is the one called `email`, or else the only one that has
the word `mail` or `email` (`Contact email`), or is called `Subscriber` or `Address`; its field is always `email`. A column
without a header is ignored.
"""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches

from mailer.csv.columns.suspected_opt_outs import ColumnMeaning, Suspicion, find_suspicion
from mailer.csv.columns.vendor_status import CONSENT, FIELDS, SIGNS, VendorStatusColumn

EMAIL = "email"
STATUS = "status"
SINCE = "since"
STATUS_SINCE = "status_since"  # ours, if the file has its own `since` and no status

_ALIASES = {
    EMAIL: (
        "e_mail, mail, e_mail_address, email_address, mail_address, emailaddress, email_adresse, e_mail_adresse, "
        "mailadresse, emailadresse, email_id, subscriber_email, e_mail_1_value, correo, correo_electrónico, "
        "dirección_de_correo_electrónico, dirección_de_correo, adresse_e_mail, adresse_email, adresse_mail, "
        "adresse_électronique, courriel, adresse_courriel, endereço_de_e_mail, endereço_de_email, correio_eletrónico, "
        "correio_eletrônico, indirizzo_email, indirizzo_e_mail, posta_elettronica, e_mailadres, emailadres, e_postadress, "
        "e_post, epost, e_postadresse, sähköposti, sähköpostiosoite, adres_e_mail, adres_email, e_mailová_adresa, "
        "электронная_почта, эл_почта, адрес_электронной_почты, почта, електронна_пошта, דוא_ל, דואל, "
        "כתובת_דוא_ל, אימייל, מייל, البريد_الإلكتروني, بريد_إلكتروني, ईमेल, 电子邮件, 邮箱, メールアドレス, 이메일"
    ),
    "first_name": (
        "firstname, fname, given_name, givenname, forename, vorname, prénom, nombre, nombre_de_pila, primer_nombre, "
        "primeiro_nome, nome_próprio, voornaam, förnamn, fornavn, etunimi, imię, jméno, имя, имʼя, שם_פרטי, "
        "الاسم_الأول, पहला_नाम"
    ),
    "last_name": (
        "lastname, lname, surname, family_name, familyname, nachname, familienname, nom_de_famille, apellido, "
        "apellidos, sobrenome, apelido, último_nome, cognome, achternaam, efternamn, etternavn, efternavn, sukunimi, "
        "nazwisko, příjmení, фамилия, прізвище, שם_משפחה, اسم_العائلة, الاسم_الأخير"
    ),
    "name": "full_name, fullname, display_name, nom_complet, nombre_completo, nome_completo, vollständiger_name, שם_מלא",
    "city": "town, stadt, ort, wohnort, ville, ciudad, cidade, città, stad, woonplaats, kaupunki, miasto, město, by, "
    "город, місто, עיר, المدينة",
    "country": "land, pays, país, paese, maa, kraj, země, страна, країна, ארץ, מדינה, البلد",
    STATUS: "subscription_status, subscriber_status",
}
_ADDRESS_WORDS = frozenset({"email", "mail", "emailaddress"})
_PERSON_WORDS = frozenset({"subscriber", "recipient", "address"})  # MailerLite, Postmark, Mailman
_NEVER_SUSPECT = frozenset({*_ALIASES, *FIELDS} - {STATUS})


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnRules:
    """What the settings of a list say about its columns: the `meanings` of some, by field name, and the `language` of dates."""

    meanings: Mapping[str, ColumnMeaning] = field(default_factory=dict)
    language: str = "en"


NO_RULES = ColumnRules()


class ColumnsError(ValueError):
    """A header that cannot be used; `next_step` says what to do."""

    def __init__(self, message: str, next_step: str) -> None:
        super().__init__(message)
        self.next_step = next_step


@dataclass(frozen=True, slots=True, kw_only=True)
class Columns:
    """The columns of a list. `names` has a field name for each, "" for one without a header; `address`, `status` and `since` are
    indexes.

    `since` is the date of the status: the column `status_since`, or `since` beside a status. `signs`: columns of other tools that
    hold a status, and those whose meaning a person stated. `suspects`: columns that may record an opt-out
    (csv/columns/suspected_opt_outs.py).
    `consent`: the fields that record a consent, by our names (csv/columns/vendor_status.py).
    """

    headers: tuple[str, ...]
    names: tuple[str, ...]
    address: int
    status: int | None
    since: int | None
    signs: tuple[tuple[int, VendorStatusColumn], ...] = ()
    suspects: tuple[tuple[int, Suspicion], ...] = ()
    consent: Mapping[str, str] = field(default_factory=dict)

    @property
    def fields(self) -> frozenset[str]:
        return frozenset(self.names) - {""}


def field_name(header: str) -> str:
    """Returns the field name of a header; "" if nothing is left of it."""
    name = _normalize_header(header)
    return _CANONICAL.get(_without_accents(name), name)


def read_columns(headers: Sequence[str], rules: ColumnRules = NO_RULES) -> Columns:
    """Returns the columns of a header row. Raises ColumnsError."""
    meanings = rules.meanings
    names = [field_name(header) for header in headers]
    if EMAIL not in names:
        names[_address_column(headers, names)] = EMAIL
    seen: dict[str, str] = {}
    for name, header in zip(names, headers, strict=True):
        if name and name in seen:
            raise ColumnsError(
                f"the columns “{seen[name].strip()}” and “{header.strip()}” both become the field “{name}”",
                "Rename one of them in the first line of the file.",
            )
        seen[name] = header
    status = names.index(STATUS) if STATUS in names else None
    since = STATUS_SINCE if STATUS_SINCE in names or status is None else SINCE
    signs = tuple((index, sign) for index, name in enumerate(names) if (sign := _status_column(name, meanings)))
    understood = {index for index, _ in signs} | {status, names.index(since) if since in names else None}
    return Columns(
        headers=tuple(headers),
        names=tuple(names),
        address=names.index(EMAIL),
        status=status,
        since=names.index(since) if since in names else None,
        signs=signs,
        suspects=tuple(
            (index, find_suspicion(_without_accents(name)))
            for index, name in enumerate(names)
            if index not in understood and name not in meanings and name not in _NEVER_SUSPECT
        ),
        consent={
            name: next(filter(names.__contains__, known))
            for name, known in CONSENT.items()
            if not {*known}.isdisjoint(names)
        },
    )


def _status_column(name: str, meanings: Mapping[str, ColumnMeaning]) -> VendorStatusColumn | None:
    return meanings[name].status_column if name in meanings else SIGNS.get(name)


def _address_column(headers: Sequence[str], names: Sequence[str]) -> int:
    candidates = [
        index for index, name in enumerate(names) if _ADDRESS_WORDS.intersection(name.split("_")) and name not in SIGNS
    ]
    if len(candidates) == 1:
        return candidates[0]
    if not candidates:
        candidates = [index for index, name in enumerate(names) if name in _PERSON_WORDS]
        if len(candidates) == 1:
            return candidates[0]
    if candidates:
        listed = ", ".join(f"“{headers[index].strip()}”" for index in candidates)
        raise ColumnsError(f"several columns could contain the address: {listed}", "Rename one of them to “email”.")
    if any("@" in header for header in headers):
        raise ColumnsError(
            "the first line contains an address instead of the names of the columns",
            "Add a line above it with the names of the columns, such as: email,first_name",
        )
    close = get_close_matches(EMAIL, [name for name in names if name and not name.startswith("no")], n=1, cutoff=0.7)
    hint = f" (did you mean “{headers[names.index(close[0])].strip()}”?)" if close else ""
    raise ColumnsError(f"no column contains the address{hint}", "Rename the column with the addresses to “email”.")


def _normalize_header(header: str) -> str:
    text = unicodedata.normalize("NFKC", header).lower()
    kept = (character if unicodedata.category(character)[0] in "LMN" else "_" for character in text)
    return re.sub("_+", "_", "".join(kept)).strip("_")


def _without_accents(name: str) -> str:
    """Returns `name` without accents, so that `prenom` and `prénom` are the same key."""
    return "".join(c for c in unicodedata.normalize("NFD", name) if unicodedata.category(c) != "Mn")


_CANONICAL = {
    _without_accents(alias.strip()): canonical
    for canonical, aliases in _ALIASES.items()
    for alias in aliases.split(",")
}
