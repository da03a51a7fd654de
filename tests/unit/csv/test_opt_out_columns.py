"""No opt-out is mailed in silence: it is understood, or its column is named."""

import pytest

from mailer.csv.columns import ColumnRules
from mailer.csv.opt_out_columns import ColumnMeaning
from mailer.csv.reader import open_list
from mailer.csv.rows import Member, RowWarning, UnclearColumn

UNDERSTOOD = [
    ("opt_out", "1"), ("Opted Out", "yes"), ("Email Opt Out", "TRUE"), ("Unsubscribed from all email", "true"),
    ("HasOptedOutOfEmail", "1"), ("Do not email", "x"), ("Blacklisted", "ja"), ("Blocklisted", "2024-03-01"),
    ("Email permission status", "Unsubscribed"), ("list_status", "Unsubscribed"), ("global_status", "Bounced"),
    ("Email subscriber status", "Never subscribed"), ("Accepts Email Marketing", "no"), ("Accepts Marketing", "FALSE"),
    ("Email Marketing Consent", "NEVER_SUBSCRIBED"), ("opt-in", "0"), ("Bounced", "1"), ("Abgemeldet am", "01.02.2024"),
    ("status", "do not contact"), ("Unsubscribe date", "2/1/2024"), ("email_status", "Unsubscribed"),
]  # fmt: skip
UNCLEAR = [
    ("Opted out (reason)", "too much mail"), ("Unsubscribe reason", "other"), ("Left on", "2024-02-01"),
    ("No e-mail please", "x"), ("Deactivated", "1"), ("Removed by", "Mara"), ("Newsletter?", "no"), ("Newsletter", "0"),
    ("Active", "N"), ("Wants mail", "false"), ("Consent given", "no"), ("May contact", "0"), ("GDPR", "no"),
    ("Ausgetreten", "ja"), ("Abmeldung", "ja"), ("Einwilligung", "nein"), ("Newsletter gewünscht", "nein"), ("Gesperrt", "1"),
    ("Désinscription", "oui"), ("Désabonné le", "01/02/2024"), ("Accord", "non"), ("Baja", "sí"), ("Fecha de baja", "1/2/24"),
    ("Acepta correo", "no"), ("Descadastrado em", "2024"), ("Aceita e-mails", "não"), ("Autoriza", "não"), ("הסרה", "כן"),
    ("מאשר דיוור - הסכמה", "לא"), ("إلغاء الاشتراك", "نعم"), ("موافق", "لا"), ("Disiscritto", "vero"),
    ("Note", "Unsubscribed"), ("Estado", "BAJA"), ("Group", "abgemeldet"), ("Column 7", "opted out"), ("Membership", "Bounced"),
    ("Attribute", " désabonné "), ("state", "on_hold"), ("type", "blocked by us"),
    ("Tags", "vip, Unsubscribed"), ("Labels", "a;opted out|b"), ("", "unsubscribed"), ("Unsubscribe", "https://x.example/u"),
    ("Subscribed", "never"), ("email_status", "catch-all"), ("bounced", "3"),
]  # fmt: skip
FIELDS = [
    ("opt_out", "0"), ("opt_out", ""), ("Left on", ""), ("Newsletter?", "yes"), ("Unsubscribe link", "https://x.example/u/1"),
    ("unsubscribe_token", "abc"), ("City", "Baja"), ("Last name", "Removed"), ("active_subscription", "false"),
    ("Number of bounces", "2"), ("Note", "unsubscribed his dog"), ("Member since", "2024"), ("subscribed", "May 1, 2021"), ("subscribed", "1622505600"), ("Tags", "vip, news"),
    ("Blocked", "no"), ("Cats", "no"),
]  # fmt: skip


@pytest.fixture
def read(tmp_path):
    def read_list(header, cell, *, first="", meanings=None):
        path = tmp_path / "readers.csv"
        quoted = f'"{cell}"'
        path.write_text(f'email,"{header}"\nfirst@x.org,{first}\na@x.org,{quoted}\n', encoding="utf-8")
        rows = list(open_list(path, rules=ColumnRules(meanings=meanings or {})).rows())
        batches = [
            row for batch in open_list(path, rules=ColumnRules(meanings=meanings or {})).batches() for row in batch.rows
        ]
        found = [[row for row in some if isinstance(row, UnclearColumn)] for some in (rows, batches)]
        assert found[0] == found[1]
        return rows, found[0]

    return read_list


@pytest.mark.parametrize(("header", "cell"), UNDERSTOOD)
def test_an_opt_out_under_a_known_heading_gets_no_mail_and_is_named(read, header, cell):
    rows, unclear = read(header, cell)
    assert unclear == []
    assert [row.status.value for row in rows if isinstance(row, Member)][1] not in {"subscribed", "unknown"}
    is_own_word = cell.lower() in {"unsubscribed", "bounced"}
    assert is_own_word or [row.line for row in rows if isinstance(row, RowWarning)] == [3]


@pytest.mark.parametrize(("header", "cell"), UNCLEAR)
def test_a_column_that_may_hold_an_opt_out_is_named(read, header, cell):
    _, unclear = read(header, cell)
    assert [(each.line, each.header, each.cell, each.rows) for each in unclear] == [
        (3, header or "column 2", cell.strip(), 1)
    ]


@pytest.mark.parametrize(("header", "cell"), FIELDS)
def test_other_columns_are_fields(read, header, cell):
    rows, unclear = read(header, cell)
    assert unclear == []
    assert {row.status.value for row in rows if isinstance(row, Member)} == {"subscribed"}


@pytest.mark.parametrize(
    ("meaning", "cell", "status"),
    [
        (ColumnMeaning.OPT_OUT, "gone", "unsubscribed"),
        (ColumnMeaning.OPT_OUT, "no", "subscribed"),
        (ColumnMeaning.OPT_OUT, "", "subscribed"),
        (ColumnMeaning.OPT_IN, "yes", "subscribed"),
        (ColumnMeaning.OPT_IN, "2024-02-01", "subscribed"),
        (ColumnMeaning.OPT_IN, "no", "unsubscribed"),
        (ColumnMeaning.OPT_IN, "", "unconfirmed"),
        (ColumnMeaning.OPT_IN, "perhaps", "unknown"),
        (ColumnMeaning.FIELD, "unsubscribed", "subscribed"),
    ],
)
def test_a_person_says_what_a_column_means(read, meaning, cell, status):
    rows, unclear = read("Left on", cell, meanings={"left_on": meaning})
    assert unclear == []
    assert [row.status.value for row in rows if isinstance(row, Member)][1] == status


def test_a_known_column_can_be_a_field(read):
    rows, unclear = read("State", "NY", meanings={"state": ColumnMeaning.FIELD})
    assert (unclear, {row.status.value for row in rows if isinstance(row, Member)}) == ([], {"subscribed"})


def test_a_row_that_gets_no_mail_anyway_raises_no_question(tmp_path):
    path = tmp_path / "readers.csv"
    path.write_text(
        "email,status,since,left on\na@x.org,unsubscribed,,2024\nb@x.org,subscribed,2024-01-01,2023\n", "utf-8"
    )
    assert not [row for row in open_list(path).rows() if isinstance(row, UnclearColumn)]


def test_a_column_called_subscriber_holds_the_address(tmp_path):
    path = tmp_path / "readers.csv"
    path.write_text("Subscriber,Status,Subscribed,Unsubscribed\nana@x.org,active,2024-01-01 10:00:00,\n", "utf-8")
    assert [row.address.identity for row in open_list(path).rows()] == ["ana@x.org"]
