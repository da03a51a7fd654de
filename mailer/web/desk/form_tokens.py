"""A form that makes one send, however often it is sent: by a double click, from two tabs of one page, by the back button.

The page puts a token into the form (`once`), and the ledger makes one send of a token.
"""

import re
import secrets

from mailer.errors import UsageError
from mailer.service.sends.start import SendOrder
from mailer.web.desk.request import DeskRequest

_TOKEN = re.compile(r"[\w-]{16,64}")


def new_token() -> str:
    return secrets.token_urlsafe(24)


def ordered(request: DeskRequest, *, take_back: bool = False) -> SendOrder:
    """Who posted the form, and its token. Raises UsageError for a form without one."""
    token = request.form.text("once")
    if not _TOKEN.fullmatch(token):
        raise UsageError("The form was not complete; nothing was sent.", "Load the page again.")
    return SendOrder(by=request.user.name, token=token, take_back=take_back)
