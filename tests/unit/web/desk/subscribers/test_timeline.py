"""The timeline of a reader speaks the words of the other pages."""

import pytest

from mailer.delivery.states import DeliveryState
from mailer.service.subscribers.personal_data import Sent, SubscriberProfile
from mailer.web.desk.plain_language import delivery_state
from mailer.web.desk.subscribers.timeline import timeline


@pytest.mark.parametrize("state", [*DeliveryState])
def test_a_delivery_has_the_same_state_in_the_timeline_of_a_reader_as_in_the_report(state):
    sent = Sent(send_id=1, slug="tide", state=state.value, reason="", attempts=1, at=0.0)
    (entry,) = timeline(SubscriberProfile(display="ana@example.com", deliveries=(sent,)))
    assert entry.words == f"Send 1, tide: {delivery_state(state)}"
