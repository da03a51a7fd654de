from pathlib import Path

import pytest

from mailer.csv.columns.vendor_status import SIGNS
from mailer.csv.reader import open_list
from mailer.csv.rows import Member, RowWarning
from mailer.csv.sync_patch import RowPatch, prepare_patch

TOOLS = Path(__file__).parents[3] / "data" / "lists" / "tools"
WANTED = {
    "mailchimp-subscribed": ["subscribed"],
    "mailchimp-unsubscribed": ["unsubscribed"],
    "mailchimp-cleaned": ["bounced"],
    "substack": ["subscribed", "unsubscribed"],
    "ghost": ["subscribed", "unsubscribed"],
    "ghost-saved-by-german-excel": ["subscribed", "unsubscribed"],
    "buttondown": ["subscribed", "unsubscribed", "unconfirmed", "subscribed", "bounced"],
    "listmonk": ["subscribed", "unsubscribed", "paused"],
    "beehiiv": ["subscribed", "unsubscribed", "unconfirmed", "unsubscribed"],
    "kit": ["subscribed", "unsubscribed", "bounced", "complained", "unconfirmed"],
    "phplist": ["subscribed", "unsubscribed", "unconfirmed", "paused"],
    "numbers": ["subscribed", "subscribed"],
    "excel-sep": ["subscribed", "unsubscribed"],
    "google-sheets": ["subscribed", "unsubscribed"],
    "libreoffice-quoted": ["subscribed", "bounced"],
}


def members(source):
    return [row for row in source.rows() if isinstance(row, Member)]


@pytest.mark.parametrize(("tool", "statuses"), WANTED.items())
def test_what_a_tool_s_export_says_of_a_status_is_understood(tool, statuses):
    assert [row.status for row in members(open_list(TOOLS / f"{tool}.csv"))] == statuses


def test_each_export_has_its_case():
    assert {path.stem for path in TOOLS.iterdir()} == set(WANTED)


@pytest.mark.parametrize(
    ("tool", "consent"),
    [
        (
            "mailchimp-subscribed",
            {
                "opted_in_at": "2024-05-01 10:00:00",
                "opted_in_ip": "192.0.2.1",
                "confirmed_at": "2024-05-01 10:02:00",
                "confirmed_ip": "192.0.2.2",
            },
        ),
        ("ghost", {"opted_in_at": "2024-05-01T10:00:00.000Z"}),
        ("buttondown", {"opted_in_at": "2024-05-01T10:00:00Z", "source": "embedded_form"}),
        ("numbers", {}),
    ],
)
def test_how_somebody_came_to_be_on_the_list_is_kept(tool, consent):
    source = open_list(TOOLS / f"{tool}.csv")
    fields = members(source)[0].fields
    assert {name: fields[column] for name, column in source.columns.consent.items() if fields.get(column)} == consent


def test_each_unknown_word_is_reported_once_with_its_first_line(tmp_path):
    path = tmp_path / "readers.csv"
    path.write_text(
        "email,state,status\n"
        "a@x.org,cancelled,active\nb@x.org,cancelled,\nc@x.org,active,cleaned\nd@x.org,,bounced\ne@x.org,bounced,VIP\nf@x.org,,VIP\n",
        encoding="utf-8",
    )
    source = open_list(path)
    assert [row.status.value for row in members(source)] == [
        "unsubscribed",
        "unsubscribed",
        "bounced",
        "bounced",
        "bounced",
        "unknown",
    ]
    assert [source.describe(row) for row in source.rows() if isinstance(row, RowWarning)] == [
        "readers.csv:6: the status “VIP” is unknown; the reader gets no mail",
        "readers.csv:7: the status “VIP” is unknown; the reader gets no mail",
        "readers.csv:2: “cancelled” in “state” is read as unsubscribed, in 2 rows",
        "readers.csv:4: “cleaned” in “status” is read as bounced, in 1 row",
    ]


@pytest.mark.parametrize(
    ("header", "cell", "status"),
    [
        ("state", "CA", "subscribed"),
        ("State", "New York", "subscribed"),
        ("state", "on hold", "unknown"),
        ("state", "Active", "subscribed"),
        ("state", "Cancelled", "unsubscribed"),
        ("type", "gold", "unknown"),
        ("type", "premium", "subscribed"),
        ("active_subscription", "false", "subscribed"),
        ("subscribed", "2021-05-01", "subscribed"),
        ("subscribed", "no", "unsubscribed"),
        ("unsubscribed", "No", "subscribed"),
        ("unsubscribed", "2021-05-01", "unsubscribed"),
        ("UNSUB_TIME", "0000-00-00 00:00:00", "subscribed"),
        ("subscribed_to_emails", "maybe", "unknown"),
        ("subscribed_to_emails", "", "subscribed"),
        ("email_disabled", "NULL", "subscribed"),
        ("status", "NULL", "unknown"),
        ("status", "unknown", "unknown"),
        ("status", "ENABLED ", "subscribed"),
    ],
)
def test_a_column_counts_only_with_words_that_it_is_known_for(tmp_path, header, cell, status):
    path = tmp_path / "readers.csv"
    path.write_text(f"email,{header}\na@x.org,{cell}\n", encoding="utf-8")
    (row,) = members(open_list(path))
    assert row.status == status


def test_email_disabled_is_not_taken_for_the_address(tmp_path):
    path = tmp_path / "readers.csv"
    path.write_text("Contact e-mail,email_disabled\na@x.org,true\n", encoding="utf-8")
    (row,) = members(open_list(path))
    assert (row.address.envelope, row.status) == ("a@x.org", "unsubscribed")


@pytest.mark.parametrize("tool", [tool for tool, statuses in WANTED.items() if "unsubscribed" in statuses])
def test_somebody_who_came_back_is_not_stopped_by_what_another_tool_knew(tmp_path, tool):
    path = tmp_path / "readers.csv"
    path.write_bytes((TOOLS / f"{tool}.csv").read_bytes())
    gone = next(row for row in members(open_list(path)) if row.status == "unsubscribed")
    with prepare_patch(
        open_list(path), [RowPatch(line=gone.line, status="subscribed", since="2026-11-22")], []
    ) as prepared:
        prepared.commit()
    again = {row.address.identity: row for row in members(open_list(path))}
    assert again[gone.address.identity].status == "subscribed"


def test_signs_are_field_names():
    assert all(name == name.lower() and " " not in name for name in SIGNS)
