"""The workload: a workspace with one dispatch of a given message size, and a list of readers.

    sample = write_dispatch(folder, size)        the dispatch, and the message it becomes
    write_readers(folder, count)               the list `readers`
    reset_workspace(folder, SendOptions(port=..., connections=...))   settings; no ledger

The message is personal: subject, greeting and a condition ask for the reader's fields; tokens and VERP as in any send.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from shutil import rmtree

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from benchmarks.process import UnavailableError
from mailer.app import App
from mailer.edition.merge_fields import ReaderValues, fill
from mailer.edition.model import Edition
from mailer.service.lists.sync_before_query import ListSource
from mailer.service.sends.plan import plan_send

DISPATCH, LIST = "tides", "readers"
SENDER = "desk@example.org"
TOLERANCE = 0.01  # of the size that is asked for
_HEAD = """\
---
title: The tide table
date: 2026-11-01
copyright: © 2026 Mara Lindqvist
subject: The tide table, {{ reader.first_name or "reader" }}
---

Dear {{ reader.first_name or "reader" }},

{% if reader.city == "Porto Novo" %}
High water is at noon in your town.
{% endif %}

"""
_PARAGRAPH = """\
The harbour master asks for patience: the *new* tables came late from the printer, and two pages of them — the ones for
the spring tides — were bound upside down. Until they are replaced, ask at the [office on the quay](https://tides.example.org/)
or “ring the bell twice”, as it was done in the years before the café had a telephone.
"""
_WORD = "water "
_CITIES = ("Porto Novo", "East Quay", "Ravensby", "")
_NAMES = ("Ana", "Siobhán", "Björn", "Mara", "")
DOMAINS = 97
_KEY = "a key for the benchmark that opens nothing at all"


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleMessage:
    """The dispatch as one reader gets it. `message` is the whole of it, CRLF, dots single; `size` is that on the wire."""

    message: bytes
    size: int
    subject: str
    text: str
    html: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SendOptions:
    """The settings of a run. `dkim` names the kinds of key it signs with: `ed25519`, `rsa`."""

    port: int
    connections: int
    dkim: tuple[str, ...] = ()


def write_dispatch(folder: Path, size: int) -> SampleMessage:
    """Write the dispatch that becomes a message of `size` octets, within TOLERANCE; needs some list in `folder`.

    Raises UnavailableError when even the layout alone is bigger.
    """
    reset_workspace(folder, SendOptions(port=25, connections=1))
    paragraphs, words = 0, 0
    sample = _write(folder, paragraphs, words)
    each = _write(folder, 4, 0).size - sample.size
    for _ in range(8):
        missing = size - sample.size
        if abs(missing) <= size * TOLERANCE:
            return sample
        step = max(-paragraphs, missing * 4 // each)
        paragraphs += step
        words = words if step else max(0, words + missing // (2 * len(_WORD)))
        sample = _write(folder, paragraphs, words)
    raise UnavailableError(f"no dispatch becomes a message of {size:,} octets; the nearest had {sample.size:,}")


def _write(folder: Path, paragraphs: int, words: int) -> SampleMessage:
    text = _HEAD + "\n".join([_PARAGRAPH] * paragraphs) + "\n" + _WORD * words + "\n"
    path = folder / "dispatches" / f"{DISPATCH}.md"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    with App.open(folder) as app:
        plan = plan_send(app, DISPATCH, [LIST], source=ListSource.FILE)
    return _write_sample(plan.edition, plan.sample.without_dot_stuffing(), plan.sample.size)


def _write_sample(edition: Edition, message: bytes, size: int) -> SampleMessage:
    values = ReaderValues(
        fields={"first_name": "Siobhán", "city": "Porto Novo"}, address="a@example.com", token="0" * 26
    )
    variant = edition.variant(edition.key_for(values))
    subject, text, html = (fill(parts, values) for parts in (variant.subject, variant.text, variant.html))
    return SampleMessage(message=message, size=size, subject=subject, text=text, html=html)


def write_readers(folder: Path, count: int) -> None:
    """The list of `count` readers, over some domains."""
    path = folder / "subscribers" / f"{LIST}.csv"
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8") as file:
        file.write("email,first_name,city\n")
        for n in range(count):
            name, city = _NAMES[n % len(_NAMES)], _CITIES[n % len(_CITIES)]
            file.write(f"reader.{n}@mail{n % DOMAINS}.example.com,{name},{city}\n")


def reset_workspace(folder: Path, options: SendOptions) -> None:
    """Settings for `options`, and no ledger: the next send is the first one of this workspace."""
    folder.mkdir(parents=True, exist_ok=True)
    for path in folder.glob("mailer.db*"):
        path.unlink()
    rmtree(folder / ".mailer", ignore_errors=True)
    values = {
        "FROM": f"The Harbour SampleMessage <{SENDER}>",
        "SECRET_KEYS": json.dumps([_KEY]),
        "BASE_URL": "https://letter.example.org",
        "POSTAL_ADDRESS": "1 Quay Street, Porto Novo",
        "BOUNCE_ADDRESS": "bounce@example.org",
        "BOUNCE_HOLD": "50",  # of one domain come back more than ever do
        "RELAY": f"smtp://127.0.0.1:{options.port}",
        "CONNECTIONS": str(options.connections),
    }
    if options.dkim:
        values["DKIM_DOMAIN"] = "example.org"
    for kind in options.dkim:
        prefix = {"ed25519": "DKIM_ED25519", "rsa": "DKIM"}[kind]
        values |= {f"{prefix}_SELECTOR": kind, f"{prefix}_KEY": str(_key(folder, kind))}
    lines = (f"MAILER_{name}='{value}'\n" for name, value in values.items())
    (folder / ".env").write_text("".join(lines), encoding="utf-8")


def _key(folder: Path, kind: str) -> Path:
    """A key of this kind, made when it is first asked for."""
    path = (folder / f"{kind}.pem").resolve()
    if not path.exists():
        key = Ed25519PrivateKey.generate() if kind == "ed25519" else generate_private_key(65537, 2048)
        path.touch(mode=0o600)
        path.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return path
