"""No opt-out is mailed in silence: it is understood, or its column is named."""

import pytest

from mailer.csv.columns.header_row import ColumnRules
from mailer.csv.columns.suspected_opt_outs import ColumnMeaning
from mailer.csv.list_errors import ListError
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
    ("Do you want our letter?", "No, thanks"), ("Souhaitez-vous la lettre ?", "Non merci"), ("Envoyer ?", "Non, merci"),
    ("Quer receber?", "Não quero"), ("האם לשלוח?", "לא לשלוח"), ("Marketing contact status", "Non-marketing contact"),
    ("Rundbrief", "keine Zusendung"), ("Nieuwsbrief", "geen"), ("Рассылка", "нет"), ("Abo", "nein"), ("Newsletter", "❌"),
    ("On hold", "On Hold Bounce"), ("Deceased", "TRUE"), ("verstorben", "ja"), ("Frequency", "never"),
    ("Comments", "Unsubscribed 3 March 2024"), ("Kommentar", "Abgemeldet am 3.4.2024"), ("Note", "unsubscribed (by phone)"),
    ("Statut", "Désabonné(e)"), ("Statut", "de\u0301sabonne\u0301"), ("Attribute", "de\u0301sabonne\u0301"),
    ("Attribute", "\u200eunsubscribed"), ("List Statuses", "News: Active, Alt: Unsubscribed"),
    ("Labels", "* myContacts ::: Unsubscribed"), ("Categories", "nicht anschreiben"), ("isUnsubscribed", "true"),
    ("emailOptOut", "1"), ("UnsubscribedDate", "2024-01-01"), ("contactBlacklisted", "1"),
    ("Bemerkung", "will keine Mails mehr"), ("Anmerkungen", "hat angerufen und will nicht mehr"), ("Info", "bitte streichen"),
    ("Kontaktwunsch", "bitte nicht mehr"), ("Versand", "nein"), ("Statut", "ne souhaite plus recevoir nos courriers"),
    ("Notes", "unsubscribed by phone 3 May"), ("Remarks", "please take me off the list"), ("Other", "wants no more mail from us"),
    ("", "do not send any more mails"), ("Observaciones", "no quiere recibir más correos"), ("Nota", "se dio de baja"),
    ("Observação", "não quer mais receber"), ("Note", "non vuole più ricevere"), ("הערות", "ביקשה להסיר אותה"),
    ("ملاحظات", "لا يريد استلام الرسائل"), ("Opmerking", "wil geen mails meer"), ("Newsletter?", "je n’en veux plus, merci"),
]  # fmt: skip
FIELDS = [
    ("opt_out", "0"), ("opt_out", ""), ("Left on", ""), ("Newsletter?", "yes"), ("Unsubscribe link", "https://x.example/u/1"),
    ("unsubscribe_token", "abc"), ("City", "Baja"), ("Last name", "Removed"), ("active_subscription", "false"),
    ("Number of bounces", "2"), ("Note", "unsubscribed his dog"), ("Member since", "2024"), ("subscribed", "May 1, 2021"), ("subscribed", "1622505600"), ("Tags", "vip, news"),
    ("Blocked", "no"), ("Cats", "no"), ("Emails dropped (6mo)", "0"), ("Emails received (6mo)", "0"),
    ("Accepts SMS Marketing", "no"), ("SMS_BLACKLIST", "TRUE"), ("SMS Marketing Consent", "UNSUBSCRIBED"),
    ("DoNotCall", "true"), ("State", "NY"), ("Comments", "No answer yet"), ("Notes", "n/a"), ("Status", "aktiv"),
    ("Status", "Abonné(e)"), ("status", "subscribed\u200b"), ("delivery_status", "shipped"), ("Estado", "Baja California"),
    ("Bemerkung", "wohnt nicht mehr in Köln"), ("Anmerkungen", "möchte gern den Newsletter bekommen"), ("Notes", "no parking here"),
    ("Notes", "does not eat meat"), ("Remarque", "n’habite plus à Paris"), ("Nota", "no tiene teléfono"), ("הערות", "חבר של מארה"),
    ("Versand", "ja"),
]  # fmt: skip


TAGS = '"VIP","Unsubscribed 2023"'  # as Mailchimp writes them


@pytest.fixture
def read(tmp_path):
    def read_list(header, cell, *, first="", meanings=None):
        path = tmp_path / "readers.csv"
        quoted = '"' + cell.replace('"', '""') + '"'
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
    shown = cell.strip().removeprefix("\u200e")
    assert [(each.line, each.header, each.cell, each.rows) for each in unclear] == [(3, header or "column 2", shown, 1)]


def test_a_tag_in_quotes_is_a_word_of_its_own(read):
    _, unclear = read("TAGS", TAGS)
    assert [each.cell for each in unclear] == [TAGS]


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
    rows, unclear = read("State", "open", meanings={"state": ColumnMeaning.FIELD})
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


@pytest.mark.parametrize(
    ("cell", "status"),
    [("enabled", "subscribed"), ("by_user", "paused"), ("by_bounces", "bounced"), ("unknown", "paused")],
)
def test_the_members_of_mailman(tmp_path, cell, status):
    path = tmp_path / "readers.csv"
    path.write_text(f"address,display_name,delivery_status\nana@x.org,Ana,{cell}\n", "utf-8")
    assert [row.status.value for row in open_list(path).rows() if isinstance(row, Member)] == [status]


@pytest.mark.parametrize(
    ("header", "row", "status"),
    [
        ("email,name", "ana@x.org,Reis, Ana", "subscribed"),
        ("email,name", "ana@x.org,Ana,unsubscribed", "unknown"),
        ("email,name,tags,unsubscribed_at", "ana@x.org,Reis, Ana,,2024-05-01", "unknown"),
        ("email,name,status", "ana@x.org,Ana,,,", "subscribed"),
    ],
)
def test_a_row_whose_status_may_be_in_a_wrong_column_gets_no_mail(tmp_path, header, row, status):
    path = tmp_path / "readers.csv"
    path.write_text(f"{header}\n{row}\n", "utf-8")
    lists = open_list(path)
    rows = [*lists.rows()]
    assert [each.status.value for each in rows if isinstance(each, Member)] == [status]
    assert [each.status.value for batch in lists.batches() for each in batch.rows if isinstance(each, Member)] == [
        status
    ]
    assert any("gets no mail (is a quote" in each.message for each in rows[1:]) == (status == "unknown")


@pytest.mark.parametrize("heading", ["Unsubscribed:", "Abgemeldet", "Désabonnés"])
def test_a_heading_among_the_rows_is_not_passed_over(tmp_path, heading):
    path = tmp_path / "readers.csv"
    path.write_text(f"email,name\nana@x.org,Ana\n{heading},\nbo@x.org,Bo\n", "utf-8")
    with pytest.raises(ListError, match="Line 3"):
        list(open_list(path).rows())
    with pytest.raises(ListError, match="Line 3"):
        list(open_list(path).batches())


def test_an_opt_out_beside_a_dated_status_is_named(tmp_path):
    path = tmp_path / "readers.csv"
    path.write_text("email,status,since,opt_out\nana@x.org,subscribed,2024-01-01,1\nbo@x.org,,,\n", "utf-8")
    for rows in (list(open_list(path).rows()), [row for batch in open_list(path).batches() for row in batch.rows]):
        assert [(row.line, row.message) for row in rows if isinstance(row, RowWarning)] == [
            (2, "“1” in “opt_out” does not count beside a status with its date, in 1 row")
        ]
