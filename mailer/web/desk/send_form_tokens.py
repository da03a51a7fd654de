"""One-time tokens of forms that make a send: however often such a form is posted, it makes one send.

A double click, a second tab and the back button post the same token, and the ledger makes one send per token. This is not
the CSRF token, which every form carries (`guard`).
"""

import re
import secrets

from mailer.errors import UsageError
from mailer.service.sends.start import SendOrder
from mailer.web.desk.request import DeskRequest

FIELD = "form_token"
_TOKEN = re.compile(r"[\w-]{16,64}")


def new_form_token() -> str:
    return secrets.token_urlsafe(24)


def read_order(request: DeskRequest, *, undo_for: float = 0) -> SendOrder:
    """Returns the order that was posted: the user and the form's token. Raises UsageError for a form without one."""
    token = request.form.text(FIELD)
    if not _TOKEN.fullmatch(token):
        raise UsageError("Nothing was sent: the form was incomplete.", "Load the page again and repeat what you did.")
    return SendOrder(by=request.user.name, token=token, undo_for=undo_for)
