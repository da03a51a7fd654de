"""`mailer dkim new`: a key, its DNS record, its settings."""

import re
import stat
from pathlib import Path

from mailer.mime.dkim.keys import Ed25519Key, RsaKey, read_key
from mailer.settings.settings import load_settings
from tests.support.commands import Commands
from tests.support.programs import Programs
from tests.support.workspaces import make_workspace


def test_a_key_is_made_and_what_is_printed_makes_it_sign(here: Commands, tmp_path: Path) -> None:
    make_workspace(tmp_path)
    rsa = here("dkim", "new", "--selector", "Autumn")
    ed25519 = here("dkim", "new", "--selector", "winter", "--ed25519")
    assert (rsa.code, ed25519.code) == (0, 0), rsa.err + ed25519.err
    for name, kind in (("autumn", RsaKey), ("winter", Ed25519Key)):
        file = tmp_path / f"dkim-{name}.pem"
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert isinstance(read_key(file.read_bytes()), kind)
    assert "PRIVATE" not in rsa.out + rsa.err
    assert re.search(
        r"\nName: autumn\._domainkey\.example\.org\nValue: v=DKIM1; k=rsa; p=[A-Za-z0-9+/=]{300,}\n", rsa.err
    )
    record, *lines = rsa.out.splitlines()
    assert re.fullmatch(r'autumn\._domainkey\.example\.org\. IN TXT \( "v=DKIM1; k=rsa; p=[^"]+" "[^"]+" \)', record)
    assert lines == ["MAILER_DKIM_DOMAIN=example.org", "MAILER_DKIM_SELECTOR=autumn", "MAILER_DKIM_KEY=dkim-autumn.pem"]
    with (tmp_path / ".env").open("a", encoding="utf-8") as file:
        file.write("\n".join([*lines, *ed25519.out.splitlines()[2:]]))
    assert load_settings(tmp_path, {}).dkim_ed25519_key == tmp_path / "dkim-winter.pem"
    assert "MAILER_DKIM_DOMAIN" not in here("dkim", "new", "--selector", "spring", "--ed25519").out, "it is in .env"
    rendered = here("render", "tide", "--out", str(tmp_path / "out"))
    assert rendered.code == 0, rendered.err
    assert (tmp_path / "out" / "message.eml").read_bytes().count(b"DKIM-Signature: ") == 2


def test_as_json(programs: Programs, tmp_path: Path) -> None:
    made = programs.run(
        tmp_path, "dkim", "new", "--domain", "Bücher.example", "--selector", "s1", "--ed25519", "--json"
    )
    assert made.code == 0, made.err
    result = made.json()
    text = result["record"].pop("text")
    assert re.fullmatch(r"v=DKIM1; k=ed25519; p=[A-Za-z0-9+/]{43}=", text)
    assert result == {
        "domain": "xn--bcher-kva.example",
        "selector": "s1",
        "algorithm": "ed25519-sha256",
        "file": "dkim-s1.pem",
        "record": {"name": "s1._domainkey.xn--bcher-kva.example", "type": "TXT", "strings": [text]},
        "settings": {
            "MAILER_DKIM_DOMAIN": "xn--bcher-kva.example",
            "MAILER_DKIM_ED25519_SELECTOR": "s1",
            "MAILER_DKIM_ED25519_KEY": "dkim-s1.pem",
        },
    }


def test_nothing_is_overwritten(here: Commands, tmp_path: Path) -> None:
    file = tmp_path / "dkim-s1.pem"
    file.write_text("precious")
    made = here("dkim", "new", "--domain", "example.org", "--selector", "s1")
    assert made.code == 2
    assert made.out == ""
    assert "dkim-s1.pem exists; nothing was changed" in made.err
    assert file.read_text() == "precious"


def test_names_that_dns_cannot_hold_are_refused(here: Commands, tmp_path: Path) -> None:
    for option, value in (("--selector", "../x"), ("--selector", "a b"), ("--domain", "no domain"), ("--domain", "")):
        made = here("dkim", "new", option, value, *([] if option == "--domain" else ["--domain", "example.org"]))
        assert made.code == 2, (option, value)
        assert list(tmp_path.iterdir()) == []
