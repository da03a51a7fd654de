"""What a new installation needs before its first dispatch goes to readers, and what of it is done.

    setup_steps(app, has_readers=...)     each step, in the order in which one does them

Nothing is asked of the network: a relay counts as set up once it is another machine, or once it took a test.
"""

from dataclasses import dataclass
from enum import StrEnum

from mailer.app import App
from mailer.relay import is_loopback_url

_EXAMPLE_DOMAINS = ("example.com", "example.net", "example.org")


class SetupStep(StrEnum):
    """A step of setting up an installation."""

    SENDER = "sender"
    POSTAL_ADDRESS = "postal-address"
    RELAY = "relay"
    SITE_ADDRESS = "site-address"
    SIGNATURE = "signature"
    FIRST_LIST = "first-list"
    FIRST_TEST = "first-test"


@dataclass(frozen=True, slots=True)
class SetupStepState:
    """A step, and whether it is done."""

    step: SetupStep
    is_done: bool


def setup_steps(app: App, *, has_readers: bool) -> tuple[SetupStepState, ...]:
    """Returns all steps. `has_readers`: whether a list has readers who get mail."""
    settings, has_tests = app.settings, app.ledger.sends.count_tests() > 0
    domain = settings.sender.domain
    done = {
        SetupStep.SENDER: not any(domain == each or domain.endswith(f".{each}") for each in _EXAMPLE_DOMAINS),
        SetupStep.POSTAL_ADDRESS: bool(settings.postal_address),
        SetupStep.RELAY: has_tests or not all(relay.is_loopback for relay in settings.relay),
        SetupStep.SITE_ADDRESS: not is_loopback_url(settings.base_url),
        SetupStep.SIGNATURE: bool(app.signing.signers),
        SetupStep.FIRST_LIST: has_readers,
        SetupStep.FIRST_TEST: has_tests,
    }
    return tuple(SetupStepState(step, done[step]) for step in SetupStep)
