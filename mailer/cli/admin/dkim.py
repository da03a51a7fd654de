"""dkim: make a key that signs messages, with its DNS record and its settings."""

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
    """The keys that messages are signed with: new."""


@dkim_command.command("new")
@click.option("--selector", metavar="NAME", help="What DNS knows the key by. Default: the year, as in s2026 (e2026).")
@click.option("--domain", metavar="DOMAIN", help="Who signs. Default: MAILER_DKIM_DOMAIN, else the sender's domain.")
@click.option(
    "--ed25519", is_flag=True, help="An Ed25519 key, to sign with beside an RSA one; not all receivers know it."
)
@as_json
@in_workspace
def new(*, selector: str | None, domain: str | None, ed25519: bool, as_json: bool, workspace: Path) -> None:
    """Make a key: its file here, the DNS record to publish, the lines to put into .env. Overwrites nothing."""
    kind: type[Key] = Ed25519Key if ed25519 else RsaKey
    selector = _parse_option(
        "--selector", parsers.parse_selector, selector or f"{'e' if ed25519 else 's'}{_current_year()}"
    )
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
    echo_err(f"made {path}: keep it secret. Put this into the DNS of {domain}:\n")
    click.echo(record)
    echo_err("\nwhen the world can see it (some hours at most), this into .env:\n")
    for variable_name, value in settings.items():
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
            f"{path} is there already; nothing was changed.",
            "Choose another --selector: a new key wants a new name in DNS, too.",
        ) from None
    except OSError as error:
        raise UsageError(f"{path} cannot be written ({error.strerror}).") from None
