"""Suggests the domain that somebody probably meant who typed `ana@gmial.con`.

Only a hint on a page: the address is accepted as it was typed. The domains are those of the largest providers of mailboxes in
the languages of our pages; domains that differ from one of them by little, and exist, are listed too, so that they get no hint.
"""

from difflib import get_close_matches

from mailer.addresses import Address

_COMMON = (
    *(
        "gmail.com",
        "googlemail.com",
        "mail.com",
        "email.com",
        "ymail.com",
        "yahoo.com",
        "yahoo.de",
        "yahoo.fr",
        "yahoo.es",
    ),
    *(
        "yahoo.co.uk",
        "yahoo.com.br",
        "hotmail.com",
        "hotmail.de",
        "hotmail.fr",
        "hotmail.es",
        "hotmail.co.uk",
        "outlook.com",
    ),
    *(
        "outlook.de",
        "outlook.fr",
        "outlook.es",
        "outlook.pt",
        "live.com",
        "live.de",
        "live.fr",
        "live.co.uk",
        "msn.com",
    ),
    *(
        "icloud.com",
        "me.com",
        "mac.com",
        "aol.com",
        "proton.me",
        "protonmail.com",
        "fastmail.com",
        "zoho.com",
        "web.de",
    ),
    *(
        "gmx.de",
        "gmx.net",
        "gmx.at",
        "gmx.ch",
        "t-online.de",
        "freenet.de",
        "posteo.de",
        "mailbox.org",
        "orange.fr",
        "free.fr",
    ),
    *("email.de", "laposte.net", "wanadoo.fr", "sfr.fr", "terra.com.br", "uol.com.br"),
    *("bol.com.br", "sapo.pt", "walla.co.il", "walla.com"),
)
_CLOSE = 0.88  # as difflib measures it: two letters of nine swapped, or one left out or added
_ENDINGS = {"con": "com", "cmo": "com", "ocm": "com", "comm": "com", "vom": "com", "cim": "com", "ed": "de"}


def suggest_address(address: Address) -> str:
    """Returns the address with the domain that was probably meant; "" if the domain looks right."""
    local, _, domain = address.display.rpartition("@")
    domain = domain.lower()
    if domain in _COMMON:
        return ""
    stem, _, ending = domain.rpartition(".")
    meant = f"{stem}.{_ENDINGS.get(ending, ending)}"
    alike = [known for known in _COMMON if known.count(".") == meant.count(".")]  # outlook.com.br exists
    meant = next(iter(get_close_matches(meant, alike, n=1, cutoff=_CLOSE)), meant)
    return f"{local}@{meant}" if meant != domain else ""
