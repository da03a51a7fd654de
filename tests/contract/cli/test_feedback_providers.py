"""`feedback providers`: what to enter at each mail provider, without a secret, and when it last spoke."""

import json

from mailer.app import App
from mailer.feedback.providers.catalogue import PROVIDERS
from tests.support.provider_requests import PASSWORD, TOPIC
from tests.support.workspaces import make_workspace


def test_what_to_enter_at_each_provider_and_when_it_last_spoke(here):
    make_workspace(here.folder)
    with (here.folder / ".env").open("a", encoding="utf-8") as env:
        env.write(
            f"\nMAILER_BASE_URL=https://letter.example.org/news\nMAILER_FEEDBACK_SES={TOPIC}\nMAILER_FEEDBACK_BREVO={PASSWORD}\n"
        )
    with App.open(here.folder, clock=lambda: 1_800_000_000.0) as app:
        app.ledger.feedback.count_source("brevo", recorded=1200, ignored=3, unknown=7, unreadable=2).result()
    done = here("feedback", "providers")
    assert done.code == 0
    assert PASSWORD not in done.out + done.err
    blocks = {block.splitlines()[0].partition(":")[0]: block for block in done.out.strip().split("\n\n")}
    assert list(blocks) == [provider.title for provider in PROVIDERS.values()]
    assert blocks["Brevo"].splitlines()[:5] == [
        "Brevo: set up, last spoke 2027-01-15T08:00:00Z",
        "  1,200 recorded, 3 about nobody who was mailed, 7 of other kinds",
        "  2 requests could not be read; see the log of serve",
        "  address: https://mailer:PASSWORD@letter.example.org/news/feedback/brevo",
        "  setting: MAILER_FEEDBACK_BREVO (PASSWORD: a random password of your own)",
    ]
    assert blocks["Amazon SES, through SNS"].splitlines()[:3] == [
        "Amazon SES, through SNS: set up, has not spoken yet",
        "  address: https://letter.example.org/news/feedback/ses",
        "  setting: MAILER_FEEDBACK_SES (its keys)",
    ]
    assert blocks["Mailgun"].startswith("Mailgun: not set up\n")
    [one] = json.loads(here("feedback", "providers", "brevo", "--json").out)["providers"]
    assert one["unreadable"] == 2
    assert (one["provider"], one["set_up"], one["last_at"], one["unknown"]) == (
        "brevo",
        True,
        "2027-01-15T08:00:00Z",
        7,
    )
    assert here("feedback", "providers", "nobody").code == 2


def test_an_address_that_providers_cannot_reach_is_warned_of(here):
    make_workspace(here.folder)
    with (here.folder / ".env").open("a", encoding="utf-8") as env:
        env.write("\nMAILER_BASE_URL=http://127.0.0.1:8000\n")
    done = here("feedback", "providers", "ses")
    assert (done.code, "cannot reach this address" in done.err) == (0, True)
