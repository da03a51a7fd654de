"""Why a server refused mail, by its codes and words; real sentences of real servers, on reserved domains."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailer.smtp.refusal_reason import Reason, Subject, generic_words, refusal_reason


def reason_of(reply: str) -> Reason:
    codes, _, words = reply.partition("|")
    code, _, enhanced = codes.partition(" ")
    return refusal_reason(int(code), enhanced, words)


@pytest.mark.parametrize(
    "reply",
    [
        "550|Domain news.example.org has exceeded the max emails per hour (200/200 (100%)) allowed. Message discarded.",
        "550 5.4.5|Daily user sending limit exceeded.",
        "550 5.4.5|",
        "454 4.7.0|Throttling failure: Maximum sending rate exceeded.",
        "554|Throttling failure: Daily message quota exceeded.",
        "550 5.2.2|Submission quota exceeded",
        "550 5.1.1|You have sent too many messages this hour",
        "452 4.4.5|Insufficient disk space; try again later",
        "452 4.5.3|Error: too many recipients",
        "451|too many messages in this session",
        "450 4.7.1|Error: too much mail from 203.0.113.5",
        "450 4.7.1|Rate limit exceeded, try again in 60 seconds",
        "421 4.7.0|Too many connections from 203.0.113.5",
        "421|trop de connexions, veuillez ouvrir moins de connexions simultanees",
        "550 5.7.705|Access denied, tenant has exceeded threshold",
        "432 4.3.2|Concurrent connections limit exceeded.",
        "421 4.4.2|Message submission rate for this client has exceeded the configured limit",
        "550|Domain frequency limited.",
        "550|the number of recipients sent from one address exceeds the limit",
        "421|Domain news.example.org is not allowed to send: recipient limit exceeded",
        "451|Authentication failed: Maximum credits exceeded",
        "550 5.7.0|Your credit balance is exhausted",
        "550|You have exceeded your plan limit",
        "550|Ha superado el límite de envíos por hora",
        "550|Vous avez dépassé le nombre maximum de messages par heure",
        "550|Превышен лимит отправки писем",
        "550|发信频率过高",
    ],
)
def test_a_quota_of_ours_is_known_by_its_words_whatever_the_code(reply: str) -> None:
    assert reason_of(reply).subject is Subject.QUOTA


@pytest.mark.parametrize(
    "reply",
    [
        "550 5.1.0|<desk@example.org>: Sender address rejected: User unknown in local recipient table",
        "550 5.1.7|<desk@example.org>: invalid sender",
        "550 5.1.8|Access denied, bad outbound sender",
        "550 5.1.8|user unknown",
        "550 5.1.1|Verification failed for <desk@example.org>: sender verify failed",
        "554 5.2.252|SendAsDenied; desk@example.org not allowed to send as news@example.org",
        "554 5.2.252|",
        "554|Message rejected: Email address is not verified.",
        "550 5.7.1|Your account has been suspended",
        "550 5.7.26|This mail is unauthenticated",
        "550 5.7.1|not accepted due to domain's DMARC policy",
        "450 4.1.8|<desk@example.org>: Sender address rejected: Domain not found",
        "501|emetteur invalide",
        "550|Your account does not exist",
        "550|The sender's mailbox does not exist",
        "550|SMTP user does not exist",
        "550 5.1.1|Absenderadresse existiert nicht",
        "550 5.1.1|Adresse d'expéditeur inconnue: l'utilisateur n'existe pas",
        "550|Remitente desconocido",
    ],
)
def test_a_refusal_of_the_sender_is_not_one_of_the_recipient(reply: str) -> None:
    assert reason_of(reply).subject in {Subject.SENDER, Subject.MESSAGE}


@pytest.mark.parametrize(
    "reply",
    [
        "550 5.1.1|",
        "550 5.1.1|<ana@example.com>: Recipient address rejected: User unknown in virtual mailbox table",
        "550 5.1.1|The email account that you tried to reach does not exist.",
        "550|no such user here",
        "550|sorry, no mailbox here by that name",
        "554|delivery error: Sorry your message cannot be delivered. This user does not exist",
        "550 5.7.1|User Unknown: ana@example.com",
        "550|utilisateur inconnu",
        "550|Empfänger unbekannt",
        "553 5.1.3|bad destination mailbox address",
        "550 5.1.0|Address rejected.",
        "550 5.4.1|Recipient address rejected: Access denied",
        "550|Invalid final delivery userid: ana",
        "550|The recipient name is not recognized",
        "550|この宛先のアドレスは存在しません",
        "550|用户不存在",
        "550|Пользователь ana@example.com не найден",
        "550|Le destinataire inconnu",
        "550|Usuario no encontrado",
        "550|Utente non trovato",
        "550|Okänd mottagare",
        "550|Nieznany użytkownik",
    ],
)
def test_a_mailbox_that_does_not_exist_is_proven_by_a_code_or_by_words(reply: str) -> None:
    assert reason_of(reply) is Reason.USER_UNKNOWN


@pytest.mark.parametrize(
    "reply",
    [
        "550|Requested action not taken: mailbox unavailable",
        "550 5.5.0|mailbox unavailable",
        "550|user temporarily unavailable",
        "550 5.1.1|unverified address: Address verification in progress",
        "550|",
        "550|no",
        "550|rejected",
        "554|",
        "550 5.1.0|",
        "550 5.2.0|",
        "550 5.0.0|",
        "553|",
        "450 4.2.0|later",
    ],
)
def test_a_reply_that_says_nothing_is_about_nothing(reply: str) -> None:
    assert reason_of(reply) is Reason.ON_HOLD
    assert reason_of(reply).subject is None


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        ("552 5.2.2|mailbox full", Reason.MAILBOX_FULL),
        ("552|Requested mail action aborted: exceeded storage allocation", Reason.MAILBOX_FULL),
        ("550 5.1.1|user is over quota", Reason.MAILBOX_FULL),
        ("450 4.2.1|The user you are trying to contact is receiving mail too quickly.", Reason.SPEEDING),
        ("450 4.7.1|<ana@example.com>: Recipient address rejected: Greylisted, too many messages per hour", Reason.ON_HOLD),
        ("550 5.2.1|The email account that you tried to reach is disabled.", Reason.SUSPENDED),
        ("550 5.1.6|recipient no longer on server", Reason.HAS_MOVED),
        ("550 5.1.2|Host unknown", Reason.HOST_UNKNOWN),
        ("556 5.1.10|recipient address has null MX", Reason.NOT_ACCEPTING),
        ("554 5.7.1|Service unavailable; Client host [203.0.113.5] blocked using zen.spamhaus.org", Reason.BLOCKED),
        ("550 5.7.1|Message rejected due to the poor reputation of your IP", Reason.BAD_REPUTATION),
        ("550 5.7.25|The IP address sending this message does not have a PTR record", Reason.REQUIRES_PTR),
        ("554 5.7.1|looks like spam", Reason.SPAM_DETECTED),
        ("554 5.7.1|Message contains a virus", Reason.VIRUS_DETECTED),
        ("554 5.7.1|<ana@example.com>: Relay access denied", Reason.NO_RELAYING),
        ("550|relay not permitted", Reason.NO_RELAYING),
        ("552 5.3.4|Message size exceeds fixed limit", Reason.EXCEEDS_LIMIT),
        ("550 5.7.1|not from you", Reason.POLICY_VIOLATION),
        ("554 5.4.6|Too many hops", Reason.NETWORK_ERROR),
        ("451 4.3.0|later", Reason.SYSTEM_ERROR),
        ("554 5.4.7|Message expired: unable to deliver in 840 minutes", Reason.EXPIRED),
        ("450 4.4.7|", Reason.EXPIRED),
        ("550 5.3.0|Command died with status 71", Reason.MAILER_ERROR),
        ("550 5.1.1|procmail: no such user", Reason.MAILER_ERROR),
        ("550 5.2.2|mailbox is full: retry timeout exceeded", Reason.MAILBOX_FULL),
        ("550|The recipient account is blocked", Reason.SUSPENDED),
        ("554 5.7.1|Recipient address rejected: Access denied", Reason.POLICY_VIOLATION),
        ("501|Connected to 192.0.2.1 but my name was rejected: Invalid domain name", Reason.BLOCKED),
        ("550|an MX or SRV record indicated no SMTP service", Reason.NOT_ACCEPTING),
        ("550 5.1.1|Refused due to recipient preferences", Reason.FILTERED),
        ("550 5.7.1|<mx.example.org>: Helo command rejected: Host not found", Reason.BLOCKED),
        ("421|refused to talk to me: service not available", Reason.BLOCKED),
        ("554 5.7.1|There are multiple Subject headers", Reason.NOT_COMPLIANT),
        ("550|the domain example.com couldn't be found", Reason.HOST_UNKNOWN),
        ("500|syntax error", Reason.SYNTAX_ERROR),
        ("550 5.1.1|user database not found", Reason.SYSTEM_ERROR),
        ("550|Transport map hash:/etc/postfix/transport does not exist", Reason.SYSTEM_ERROR),
    ],
)  # fmt: skip
def test_the_reason_of_each_kind_of_reply(reply: str, expected: Reason) -> None:
    assert reason_of(reply) is expected


@given(
    code=st.integers(400, 599),
    enhanced=st.from_regex(r"([45]\.\d{1,3}\.\d{1,3})?", fullmatch=True),
    words=st.text(max_size=500),
)
def test_every_reply_has_a_reason(code: int, enhanced: str, words: str) -> None:
    assert refusal_reason(code, enhanced, words) in Reason
    assert "@" not in generic_words(words, "ana@example.com")


def test_the_words_are_the_same_for_all_who_are_refused_alike() -> None:
    said = [
        "<ana@example.com>: mx1.example.com[192.0.2.7] answers: 550 no mailbox for ana here (id 4XyZ12-99)",
        "<bo.li@example.net>: mx.mail.example.net[2001:db8::7] answers: 550 No mailbox for bo.li here (id 7QrS4T-03)",
    ]
    addresses = ["ana@example.com", "bo.li@example.net"]
    first, second = (generic_words(words, address) for words, address in zip(said, addresses, strict=True))
    assert first == second == "answers no mailbox for here id"
