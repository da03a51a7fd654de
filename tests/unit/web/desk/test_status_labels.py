"""Statuses and sources as pages show them."""

import pytest

from mailer.csv.rows import Status
from mailer.ledger.types.subscribers import LeavingReason, SignupSource, StatusSource
from mailer.ledger.types.suppressions import SuppressionReason
from mailer.web.desk.status_labels import field_label, leaving_reason_label, source_label, status_label


@pytest.mark.parametrize(("field", "label"), [("first_name", "First name"), ("city", "City"), ("vip_2027", "Vip 2027")])
def test_a_field_has_a_label_without_underscores(field, label):
    assert field_label(field) == label


def test_statuses_and_reasons_are_capitalised_words():
    labels = [status_label(each) for each in (*Status, *SuppressionReason)]
    assert all(label[0].isupper() for label in labels)
    assert status_label(SuppressionReason.BY_HAND) == "Blocked"


@pytest.mark.parametrize(
    ("source", "label"),
    [
        ("page", "on the unsubscribe page"),
        ("one-click", "with the unsubscribe button of the mail program"),
        ("command line", "on the command line"),
        ("Ada Admin, at the desk", "by Ada Admin"),
        ("API (crm)", "by API (crm)"),
        ("list readers, sync 3", "from list readers, sync 3"),
        ("send 4: 550 5.1.1", "in send 4: 550 5.1.1"),
    ],
)
def test_a_source_completes_a_sentence(source, label):
    assert source_label(source) == label


def test_every_fixed_source_and_reason_has_words():
    assert all(" " in source_label(each) for each in (*StatusSource, *SignupSource))
    assert all(" " in leaving_reason_label(each) for each in LeavingReason)
