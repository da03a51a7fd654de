"""The commands `dkim`: create a key that signs messages, with its DNS record and its settings."""

import datetime as dt
from collections.abc import Callable
from pathlib import Path

import click

from mailer.atomic_files import create_file
from mailer.cli.options import as_json, in_workspace
from mailer.cli.output import echo_err, print_json
from mailer.errors import UsageError
from mailer.mime.dkim.keys import DnsRecord, Ed25519Key, Key, RsaKey, new_key, write_pem
from mailer.settings import parsers
from mailer.settings.settings import load_settings


@click.group("dkim")
def dkim_command() -> None:
    """Create keys for DKIM signatures."""


@dkim_command.command("new")
@click.option("--selector", metavar="NAME", help="The name of the key in DNS. Default: s and the year (e for Ed25519).")
@click.option(
    "--domain", metavar="DOMAIN", help="The domain that signs. Default: MAILER_DKIM_DOMAIN, else the sender's."
)
@click.option(
    "--ed25519", is_flag=True, help="Create an Ed25519 key, to be used with an RSA key. Not all receivers support it."
)
@as_json
@in_workspace
def new(*, selector: str | None, domain: str | None, ed25519: bool, as_json: bool, workspace: Path) -> None:
    """Create a DKIM key, its DNS record and its settings.

    The key is written to dkim-SELECTOR.pem. The record for your DNS and the lines for .env are printed. Existing files
    are kept.
    """
    kind: type[Key] = Ed25519Key if ed25519 else RsaKey
    selector = _parse_option(
        "--selector", parsers.parse_selector, selector or f"{'e' if ed25519 else 's'}{_current_year()}"
    )
    is_set = not domain and bool(load_settings(workspace).dkim_domain)
    domain = _parse_option("--domain", parsers.parse_domain, domain) if domain else _default_domain(workspace)
    path = workspace / f"dkim-{selector}.pem"
    key = new_key(kind)
    record = DnsRecord.of(domain, selector, key)
    _write_key(path, write_pem(key))
    name = "DKIM_ED25519" if ed25519 else "DKIM"
    settings = {
        "MAILER_DKIM_DOMAIN": domain,
        f"MAILER_{name}_SELECTOR": selector,
        f"MAILER_{name}_KEY": path.name,
    }
    if as_json:
        print_json(
            {
                "domain": domain,
                "selector": selector,
                "algorithm": key.algorithm,
                "file": str(path),
                "record": {"name": record.name, "type": "TXT", "text": record.text, "strings": record.strings},
                "settings": settings,
            }
        )
        return
    echo_err(f"Created {path}. Keep it secret.\n\n1. Publish this record in the DNS of {domain}:\n")
    click.echo(record)
    echo_err(f"\n   In a form, choose the type TXT:\n\n{record.web_form}")
    echo_err("\n2. When DNS shows the record, put these lines into .env:\n")
    for variable_name, value in settings.items():
        if variable_name == "MAILER_DKIM_DOMAIN" and is_set:
            continue  # by the lines of the first key
        click.echo(f"{variable_name}={value}")


def _current_year() -> int:
    return dt.datetime.now(dt.UTC).year


def _parse_option(option: str, read: Callable[[str], str], text: str) -> str:
    try:
        return read(text)
    except ValueError as error:
        raise UsageError(f"{option}: “{text}” {error}.") from None


def _default_domain(workspace: Path) -> str:
    settings = load_settings(workspace)
    return settings.dkim_domain or settings.sender.domain


def _write_key(path: Path, pem: bytes) -> None:
    """Writes a new file that only its owner may read."""
    try:
        create_file(path, pem, mode=0o600)
    except FileExistsError:
        raise UsageError(
            f"{path} exists; nothing was changed.",
            "Choose another --selector: a new key needs a new name in DNS, too.",
        ) from None
    except OSError as error:
        raise UsageError(
            f"Cannot write {path} ({error.strerror}).", "Check the permissions of the workspace."
        ) from None
