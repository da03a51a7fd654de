"""Device cookies: a browser that has signed in before is not slowed by what others try with the same name or network.

The cookie holds a random number and its HMAC under the first secret key, for one user name. It lets nobody in. After the idea
of OWASP's “Slow Down Online Guessing Attacks with Device Cookies”.
"""

import hashlib
import hmac
import secrets

from mailer.app import App
from mailer.ledger.accounts.users import name_key

GOOD_FOR = 180 * 86_400  # seconds


def new_device_cookie(app: App, name: str) -> str:
    """Returns the value of a cookie for a browser in which `name` has just signed in."""
    number = secrets.token_urlsafe(16)
    return f"{number}.{_mac(app, number, name)}"


def verify_device_cookie(app: App, value: str, name: str) -> str:
    """Returns the number in the cookie `value`; "" if it is not a cookie of `name`."""
    number, _, mac = value.partition(".")
    return number if number and hmac.compare_digest(mac.encode(), _mac(app, number, name).encode()) else ""


def _mac(app: App, number: str, name: str) -> str:
    key = app.settings.secret_keys[0].get_secret_value().encode()
    return hmac.new(key, f"device cookie\0{number}\0{name_key(name)}".encode(), hashlib.sha256).hexdigest()
