"""The fuzz targets: what is called, with which inputs to begin with."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from mailer.feedback.providers.catalogue import PROVIDERS
from tests.fuzz.harness import (
    read_forms,
    read_head,
    read_list,
    read_message,
    read_provider_events,
    read_replies,
    read_segment,
    render_dispatch,
)
from tests.support import feedback_messages, provider_requests
from tests.support.deskpages import COOKIE
from tests.support.editions import ROOT, SLUGS


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """`run` takes the bytes, of at most `largest`, which are much like one of the `seeds`. `raised`: inputs that raised once.

    `words` are what a fuzzer puts into them. `frames`: what stands before and after a long text, to measure how the time grows up to the
    `longest` input.
    """

    run: Callable[[bytes], None]
    seeds: Sequence[bytes]
    raised: Sequence[bytes] = ()
    frames: Sequence[tuple[bytes, bytes]] = ((b"", b""),)
    longest: int
    words: Sequence[str] = ()
    largest: int = 4096


def split_words(text: str) -> tuple[str, ...]:
    """Returns the words in `text`, which are separated by blanks and escaped as in Python."""
    return tuple(word.encode("ascii").decode("unicode_escape") for word in text.split())


SIGNED_IN = f"Cookie: {COOKIE}=pass-0-of-1"


def head(line: str, more: str = "") -> bytes:
    return f"{line} HTTP/1.1\r\nHost: letter.example.org\r\n{more}\r\n".encode()


TARGETS: dict[str, Target] = {
    "smtp-replies": Target(
        run=read_replies,
        longest=100_000,
        seeds=(
            b"250 2.1.5 OK\r\n",
            b"250-mx.example.net\r\n250-SIZE 1000\r\n250 DSN\r\n",
            b"550 5.1.1 <ana@example.com>: user unknown\r\n",
            b"421 4.7.0 Too many messages in this session\r\n452 4.2.2 over quota\r\n",
            b"354 go ahead\r\n555 5.5.4 SIZE refused\r\n501 5.6.7 SMTPUTF8\n",
        ),
        words=split_words(
            r"""
            250 421 450 452 501 530 550 552 554 555 \r\n - 5.1.1 4.2.2 5.7.1 user\x20unknown mailbox\x20full
            quota spam blocked too\x20many does\x20not\x20exist [192.0.2.1]
            """
        ),
        largest=8192,
    ),
    "segments": Target(
        run=read_segment,
        frames=((b"", b""), (b'city == "', b'"'), (b"", b"x")),
        longest=1000,
        seeds=(
            b'city == "Lisbon" and not received("2026-10-26-east-quay")',
            b'joined >= "2026-01-01" and list("vip")',
            b'country in ("PT", "ES") or "Porto" in city',
            b'reader.city < "a" and not (reader["x y"] or vip)',
        ),
        words=split_words(
            r"""
            \x20and\x20 \x20or\x20 not\x20 \x20in\x20 \x20not\x20in\x20 == != <= >= < > ( ) [ ] " ' reader.
            joined list(" received(" "2026-01-01" ,\x20 |default( ~ {{ }} {% \\ 0x 1e9
            """
        ),
        largest=1100,
    ),
    "heads": Target(
        run=read_head,
        frames=(
            (b"GET /", b" HTTP/1.1\r\nHost: letter.example.org\r\n\r\n"),
            (b"GET /desk/sign-in?next=", f" HTTP/1.1\r\nHost: letter.example.org\r\n{SIGNED_IN}\r\n\r\n".encode()),
            *(
                (head("GET /desk/x")[:-2] + name, b"\r\n\r\n")
                for name in (
                    b"X-Forwarded-For: ",
                    b"If-Modified-Since: ",
                    b"If-None-Match: ",
                    b"Referer: ",
                    b"Accept: ",
                    b"Host: ",
                    b"a: b\r\n",
                    b"Cookie: mailer-session-80=",
                )
            ),
        ),
        longest=15_000,
        raised=tuple(
            head(line, more)
            for line, more in (
                ("GET /style.css", "If-Modified-Since: Mon, 01 Jan 99999999999999999999 00:00:00 GMT\r\n"),
                ("GET /style.css", "If-Modified-Since: Mon, 01 Jan 2026 00:00:00 +99999999999999999999\r\n"),
                ("GET /desk/sends/99", f"{SIGNED_IN}\r\nReferer: http://[\r\n"),
                (f"GET /desk/sends/{'9' * 5000}", ""),
                (f"GET /desk/sends/1/recipients/{'9' * 5000}", ""),
                (f"GET /desk/dispatches?page={'9' * 5000}", f"{SIGNED_IN}\r\n"),
                ("GET /desk/sign-in", f"Cookie: __Host-mailer-flash={'W1tb' * 1000}\r\n"),
            )
        ),
        seeds=tuple(
            head(line, more)
            for line, more in (
                ("GET /", "Accept-Language: de\r\n"),
                ("GET /archive/?page=2", 'If-None-Match: W/"a", *\r\n'),
                ("GET /style.css", "If-Modified-Since: Mon, 30 Nov 2026 10:00:00 GMT\r\n"),
                ("GET /archive/a-letter/0123456789abcdef", "X-Forwarded-For: [2001:db8::1]:9, 192.0.2.1:80\r\n"),
                ("GET /media/a.jpg", "Accept-Language: de\r\n"),
                ("GET /subscribe/readers?embed=1", "Referer: https://letter.example.org/\r\n"),
                ("GET /u/abcdefghijklmnopqrstuvwxyz", "X-Forwarded-For: 192.0.2.1\r\n"),
                ("POST /u/abcdefghijklmnopqrstuvwxyz", "Content-Type: text/plain\r\nContent-Length: 0\r\n"),
                ("GET /preferences/abcdefghijklmnopqrstuvwxyz", ""),
                ("GET /desk/sign-in?next=/desk/", f"{SIGNED_IN}=a; __Host-mailer-flash=WyJhIixmYWxzZV0=\r\n"),
                ("GET /desk/dispatches?page=2", f"{SIGNED_IN}\r\nReferer: https://letter.example.org/desk/\r\n"),
                ("GET /desk/nothing", f"{SIGNED_IN}\r\nReferer: https://letter.example.org/desk/\r\n"),
                ("GET /desk/sends/1", f"{SIGNED_IN}\r\nHX-Request: true\r\nAccept: application/json\r\n"),
                ("GET /desk/sends/1/recipients/1", f"{SIGNED_IN}; __Host-mailer-flash=WyJhIixmYWxzZV0=\r\n"),
                ("GET /desk/sends?before=9", f"{SIGNED_IN}\r\n"),
                ("GET /desk/users", f"{SIGNED_IN}\r\n"),
                ("GET /desk/activity?before=9", f"{SIGNED_IN}\r\n"),
                (
                    "POST /desk/sign-out",
                    f"{SIGNED_IN}x\r\nOrigin: https://letter.example.org\r\nSec-Fetch-Site: same-origin\r\n",
                ),
                ("GET /api/v1/sends?limit=5&cursor=WzFd", 'Authorization: Bearer mailer_a_b\r\nIf-Match: "a"\r\n'),
                ("POST /api/v1/subscribe", "Origin: https://a.example\r\nIdempotency-Key: 1\r\n"),
            )
        ),
        words=split_words(
            r"""
            \r\n GET\x20/ POST\x20/ HEAD\x20/ OPTIONS\x20* \x20HTTP/1.1 Host:\x20 Cookie:\x20 ;\x20 = " \\ %00
            %ff ../ X-Forwarded-For:\x20 If-Modified-Since:\x20 If-None-Match:\x20 Referer:\x20http://[
            Content-Type:\x20 Content-Length:\x20 /desk/ ?next=// &page= cursor= 99999999999999999999
            Authorization:\x20Basic\x20 Transfer-Encoding:\x20chunked __Host-mailer-flash=
            __Host-mailer-session= ::ffff:192.0.2.1 %25 %2e 127.0.0.1: [::1]
            """
        ),
        largest=12_000,
    ),
    "forms": Target(
        run=read_forms,
        raised=(b"multipart/form-data; boundary=b; charset=\0\n--b--\r\n",),
        frames=(
            (b"application/x-www-form-urlencoded\n", b""),
            (b"multipart/form-data; boundary=b\n--b\r\n", b"\r\n--b--"),
            (b'multipart/form-data; boundary=b\n--b\r\nContent-Disposition: form-data; name="', b'"\r\n\r\nx\r\n--b--'),
            (b"multipart/form-data; boundary=", b"\n--b\r\nContent-Disposition: form-data; name=a\r\n\r\nx\r\n--b--"),
        ),
        longest=16_000,
        seeds=(
            b"application/x-www-form-urlencoded\nList-Unsubscribe=One-Click",
            b"application/x-www-form-urlencoded\nemail=ana%40example.com&consent=on&field.city=S%C3%A3o&website=",
            b"text/plain; charset=utf-16\na=1&a=2&&=&b",
            b'multipart/form-data; boundary="b"\n--b\r\nContent-Disposition: form-data; name="email"\r\n\r\nana@example.com\r\n--b--\r\n',
            (
                b"multipart/form-data; boundary=b; charset=utf-8\n--b\r\nContent-Disposition: form-data; name=f; filename*=utf-8''a.csv\r\n"
                b'Content-Type: text/csv\r\n\r\nemail\r\n\r\n--b\r\nContent-Disposition: form-data; name="g"; filename=""\r\n\r\n\r\n--b--'
            ),
        ),
        words=split_words(
            r"""
            \r\n --b --b-- Content-Disposition:\x20form-data;\x20 name=" filename=" filename*=
            multipart/form-data;\x20boundary= application/x-www-form-urlencoded ;\x20charset= utf-7 idna base64
            rot13 & = % %00 %ff email= consent=on Content-Transfer-Encoding:\x20 Content-Type:\x20 " \\ *0*= ''
            @ xn-- field.
            """
        ),
        largest=4096,
    ),
    "lists": Target(
        run=read_list,
        frames=(
            (b"", b""),
            (b"email,first_name,opt_out,joined\na@example.com,", b""),
            (b"email,", b"\na@example.com,b\n"),
        ),
        longest=200_000,
        seeds=(
            b"email,first_name,city\nana@example.com,Ana,Porto\nben@example.net,Ben,\n",
            b'sep=;\r\nE-Mail;Name;Status\r\n"ana@example.com";"A ""b"" c";unsubscribed\r\n',
            "\ufeffemail\tcidade\n".encode() + "ana@example.com\tS\xe3o Jo\xe3o\n".encode("cp1252"),
            "email,name\nana@example.com,Zo\xeb\n".encode("utf-16"),
            b'email,note\na@example.com,"never closed\nb@example.com,"two\nlines"\nA@EXAMPLE.COM,x\n,,\nnot an address,y\n',
            b"email,opt_out,joined,status_since,consent\nana@example.com,TRUE,2026-01-02,3.4.2025,yes\nb@example.com,0,02/03/2024,,\n",
        ),
        words=split_words(
            r"""
            email E-Mail status opt_out joined first_name unsubscribed bounced cleaned TRUE sep=; @example.com "
            "" , ; \t \r\n \r \n \ufeff \u2028 \x85 \u0130 \xad =cmd| 2026-01-02 31/12/1999 \x00 \x1a
            12\x20Jan\x2026
            """
        ),
        largest=4096,
    ),
    "dispatches": Target(
        run=render_dispatch,
        frames=(
            (b"---\ntitle: T\ndate: 2026-11-02\n---\n\nDear reader,\n\n", b"\n"),
            (b"---\ntitle: ", b"\ndate: 2026-11-02\n---\n\nDear reader.\n"),
            (b"---\ntitle: T\ndate: 2026-11-02\n", b"\n---\n\nDear reader.\n"),
        ),
        longest=100_000,
        seeds=(
            *((ROOT / "dispatches" / f"{slug}.md").read_bytes() for slug in SLUGS),
            *(path.read_bytes() for path in sorted((ROOT / "tests" / "golden" / "corpus").glob("*.md"))),
            (
                b"---\ntitle: A letter\ndate: 2026-11-02\ncopyright: M\n---\nDear {{ reader.first_name or 'you' }},\n\n"
                b"{% if reader.city == 'Porto' %}\nHi [[2026-03-02-crane]][^1]\n{% elif reader.vip %}\nx\n{% else %}\ny\n{% endif %}\n\n"
                b"## An article\nsource: T\ndate: 2026-11-01\n\n> quote\n\n| a | b |\n|---|--:|\n| 1 | **2** |\n\n- [ ] `c`\n\n[^1]: Note.\n"
            ),
        ),
        words=split_words(
            r"""
            ---\n \n##\x20 {{\x20reader. \x20}} {%\x20if\x20reader.a\x20%} {%\x20elif\x20 {%\x20else\x20%}
            {%\x20endif\x20%} {%\x20raw\x20%} {# #} [[ ]] [^1] [^1]:\x20 ![a](b) ]( <http:// >\x20
            |\x20a\x20|\n|---|\n ** ~~ ```\n &amp; <b> \\\n \n-\x20 \n1.\x20 *** \t title:\x20
            date:\x202026-11-02 summary:\n\x20\x20-\x20 earlier:\n\x20\x20-\x20slug:\x20
            photo:\n\x20\x20file:\x20 social:\x20 source:\x20 lists:\x20[ &a\x20 *a !!python/ |-\n \u202e \ufeff
            \u2028 \xa0 \u200d |default(' |truncate( \x20or\x20 \x20in\x20(
            """
        ),
        largest=6000,
    ),
    "messages": Target(
        run=read_message,
        raised=(  # took gigabytes
            b'Content-Type: multipart/x; r=""\xff; ' + b"a=b; c=d; " * 20 + b"\n\nText.\n",
        ),
        frames=(
            (b"", b""),
            (b"Return-Path: <>\nFrom: mailer-daemon@mx.example.net\nSubject: Undelivered mail\n\n", b""),
            (b"Subject: ", b"\n\nx\n"),
            (b'Content-Type: multipart/report; boundary="', b'"\n\nx\n'),
            (b"Content-Type: text/html\n\n", b""),
            (b"From: mailer-daemon@mx.example.net\nContent-Type: message/delivery-status\n\n", b"\n"),
        ),
        longest=128_000,
        seeds=(
            feedback_messages.QMAIL,
            feedback_messages.dsn(feedback_messages.block("5.1.1", "550 5.1.1 <ana@example.com>: user unknown")),
            feedback_messages.dsn(
                feedback_messages.block("4.2.2", "452 4.2.2 quota", action="delayed"),
                envelope="Original-Envelope-Id: a",
            ),
            feedback_messages.report("abuse", "Original-Rcpt-To: <ana@example.com>"),
            feedback_messages.mail(
                "From: a@example.com\nTo: u@example.org\nSubject: =?utf-8?q?unsubscribe?=", "Please."
            ),
            feedback_messages.mail("From: a@example.com\nAuto-Submitted: auto-replied\nSubject: Away", "I am away."),
            (
                b'From: a@example.com\n\n{"notificationType":"Bounce","bounce":{"bounceType":"Permanent","bouncedRecipients":'
                b'[{"emailAddress":"ana@example.com","status":"5.1.1","diagnosticCode":"smtp; 550"}]}}\n'
            ),
        ),
        words=split_words(
            r"""
            \r\n \n\n \n-- --=_b :\x20 ; Content-Type:\x20 multipart/report multipart/mixed message/rfc822
            message/delivery-status message/feedback-report text/html boundary= charset=
            Content-Transfer-Encoding:\x20 base64 quoted-printable x-uuencode Final-Recipient:\x20rfc822;
            Status:\x20 Diagnostic-Code:\x20smtp; Action:\x20 Subject:\x20 Auto-Submitted:\x20
            Return-Path:\x20<> =?utf-8?b? ?= =? ( < *0*= filename*= notificationType <style> </ &lt;
            Remote\x20host\x20said: did\x20not\x20reach Original-Envelope-Id:\x20
            """
        ),
        largest=8192,
    ),
    "provider-events": Target(
        run=read_provider_events,
        longest=256_000,
        frames=((b"", b""), (b'[{"event":"bounce","reason":"', b'"}]'), (b'{"Type":"Notification","Message":"', b'"}')),
        seeds=(
            *(json.dumps(provider_requests.unknown_user(name)).encode() for name in PROVIDERS),
            *(provider_requests.signed(name, {"event": "new"}).body for name in ("ses", "mailgun")),
            json.dumps(provider_requests.confirmation()).encode(),
        ),
        words=split_words(
            r"""
            { } [ ] : , " \\ "event": "bounce" "email": "reason": "msys": "Type": "Notification" "SigningCertURL":
            "TopicArn": "Message": "signature": "timestamp": 1800000000 1e308 -1 null true "2026-11-30T09:00:00Z"
            "RecordType": "data": "headers": [{"name":"Message-ID","value":" 550\x205.1.1\x20user\x20unknown
            """
        ),
    ),
}
