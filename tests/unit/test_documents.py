"""What the documents say is held against the program: commands, options, rules, settings, states, names, links."""

import re
import runpy
import shlex
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import click
import pytest

from mailer.cli.main import mailer
from mailer.csv.rows import Status
from mailer.delivery.states import TRANSITIONS
from mailer.dispatch.article_meta import KEYS
from mailer.dispatch.frontmatter.model import MODELS, FrontMatter
from mailer.dispatch.parse import parse_dispatch
from mailer.dispatch.template.expression import FILTERS
from mailer.feedback.providers.catalogue import PROVIDERS as MAIL_PROVIDERS
from mailer.ledger.sends.sends import SEND_TRANSITIONS
from mailer.ledger.types.suppressions import SuppressionReason
from mailer.lint.rule_catalogue import RULEBOOK
from mailer.relay import parse_relay
from mailer.settings.parsers import parse_rate
from mailer.settings.settings import RENAMED, variable_names

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").glob("*.md"))]
_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_SPAN = re.compile(r"`([^`\n]+)`")
_LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
ELSEWHERE = {"keepachangelog.com", "semver.org", "www.standardwebhooks.com", "www.twilio.com"}
PROVIDERS = {  # the servers and the sources that docs/deliverability.md names
    "blog.kalfaoglu.net",
    "developers.brevo.com",
    "dmarcian.com",
    "docs.aws.amazon.com",
    "documentation.mailgun.com",
    "email-smtp.eu-west-1.amazonaws.com",
    "postmarkapp.com",
    "senders.yahooinc.com",
    "smtp-broadcasts.postmarkapp.com",
    "smtp-relay.brevo.com",
    "smtp.eu.mailgun.org",
    "smtp.fastmail.com",
    "smtptester.org",
    "support.google.com",
    "www.captaindns.com",
    "www.fastmail.com",
    "www.rfc-editor.org",
    "www.spamresource.com",
    "xenocept.com",
}
CITED = {urlsplit(url).hostname for rule in RULEBOOK.values() for url in re.findall(r"https://[^\s]+", rule.source)}


@dataclass(frozen=True)
class Typed:
    """Words that a document would have somebody type; `whole` in a block, where nothing may be left out."""

    where: str
    words: tuple[str, ...]
    whole: bool


def text_of(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def prose(path: Path) -> str:
    return _FENCE.sub("", text_of(path))


def section(path: Path, heading: str) -> str:
    """What stands under `heading`, up to the next heading of any level."""
    found = re.search(rf"^#+ {re.escape(heading)}\n(.*?)(?=^#+ |\Z)", prose(path), re.MULTILINE | re.DOTALL)
    assert found, f"{path.name} has no heading “{heading}”"
    return found[1]


def table(text: str) -> list[list[str]]:
    """The rows of all tables in `text`, without their headers."""
    rows = [
        [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
        for line in text.splitlines()
        if line.startswith("|")
    ]
    rules = [number for number, row in enumerate(rows) if all(set(cell) <= set("-: ") for cell in row)]
    return [row for number, row in enumerate(rows) if number not in rules and number + 1 not in rules]


def column(text: str, number: int = 0) -> list[str]:
    return [name for row in table(text) for name in _SPAN.findall(row[number])]


def typed(path: Path) -> Iterator[Typed]:
    for kind, block in _FENCE.findall(text_of(path)):
        lines = block.splitlines()
        if kind == "console":
            lines = [line.removeprefix("$ ") for line in lines if line.startswith("$ ")]
        elif kind != "sh":
            continue
        for line in lines:
            yield from _split(path, line, whole=True)
    for span in _SPAN.findall(prose(path)):
        if span.startswith(("mailer ", "make ", "sudo ")):
            yield from _split(path, span, whole=False)


def _split(path: Path, line: str, *, whole: bool) -> Iterator[Typed]:
    words: list[str] = []
    for word in [*shlex.split(line, comments=True), "&&"]:
        if word not in {"&&", "|", ";"}:
            words.append(word)
        elif words:
            yield Typed(f"{path.name}: {line}", tuple(words), whole)
            words = []


COMMANDS = [each for path in DOCUMENTS for each in typed(path)]


def of(program: str) -> list[Typed]:
    return [
        Typed(each.where, each.words[each.words.index(program) + 1 :], each.whole)
        for each in COMMANDS
        if program in each.words
    ]


@pytest.mark.parametrize("each", of("mailer"), ids=lambda each: each.where)
def test_each_command_that_is_shown_is_one(each):
    command, context, name, words = mailer, None, "mailer", list(each.words)
    try:
        while words or each.whole:
            context = command.make_context(name, words, parent=context)
            if not isinstance(command, click.Group):
                return
            name, *words = words[words.index(next(word for word in words if word in command.list_commands(context))) :]
            command = command.get_command(context, name)
    except click.exceptions.Exit:
        assert {"--help", "--version"} & set(each.words)
    except click.MissingParameter:
        assert not each.whole


@pytest.mark.parametrize("each", of("make"), ids=lambda each: each.where)
def test_each_target_that_is_shown_is_one(each):
    targets = set(re.findall(r"^([a-z]+):", text_of(ROOT / "Makefile"), re.MULTILINE))
    assert {word for word in each.words if "=" not in word} <= targets


def test_the_documents_show_commands_at_all():
    assert len(of("mailer")) > 40
    assert len(of("make")) > 4


def test_the_commands_for_people_are_all_in_the_documents():
    shown = {word for each in of("mailer") for word in each.words}
    assert set(mailer.list_commands(click.Context(mailer))) <= shown


EDITOR, ADMIN, OPERATOR, CHECKS, DELIVERABILITY = (
    ROOT / "docs" / f"{name}.md" for name in ("editor", "admin", "operator", "checks", "deliverability")
)


def test_the_page_of_rules_is_made_from_the_rules():
    made = runpy.run_path(str(ROOT / "docs" / "checks.py"))["page"]()
    assert text_of(CHECKS) == made, "run: .venv/bin/python docs/checks.py"
    rows = [row for row in table(prose(CHECKS)) if len(row) == 6]
    assert {_SPAN.findall(row[0])[0]: row[1] for row in rows} == {
        rule.id: rule.severity.value for rule in RULEBOOK.values()
    }


def test_the_page_of_the_api_is_made_from_its_document():
    path = ROOT / "docs" / "api.md"
    assert text_of(path) == runpy.run_path(str(path.with_suffix(".py")))["page"](), "run: .venv/bin/python docs/api.py"


def test_the_manual_page_is_made_from_the_commands():
    made = runpy.run_path(str(ROOT / "docs" / "man_page.py"))["page"]()
    assert text_of(ROOT / "docs" / "mailer.1") == made, "run: .venv/bin/python docs/man_page.py"
    for name in mailer.list_commands(click.Context(mailer)):
        assert f".SS mailer {name}" in made


def test_the_packages_to_install_are_those_of_the_project():
    project = tomllib.loads(text_of(ROOT / "pyproject.toml"))["project"]
    files = [*DOCUMENTS, ROOT / ".env.example", *(ROOT / "mailer").rglob("*.py")]
    named = {found for path in files for found in re.findall(r"pip install '([^'.\[]+)\[(\w+)\]'", text_of(path))}
    assert named == {(project["name"], extra) for extra in set(project["optional-dependencies"]) - {"dev"}}


def test_each_key_is_in_the_editors_document():
    rows = {_SPAN.findall(row[0])[0]: row[1] for row in table(section(EDITOR, "Front matter"))}
    assert list(rows) == list(FrontMatter.model_fields)
    for key, model in MODELS.items():
        assert set(_SPAN.findall(rows[key])) == set(model.model_fields), key
    assert set(column(section(EDITOR, "The body"))) == set(KEYS)


def test_each_filter_is_in_the_editors_document():
    line = next(line for line in text_of(EDITOR).splitlines() if line.startswith("- filters"))
    assert set(_SPAN.findall(line)) - {"|", "reader.name|truncate(20)"} == set(FILTERS) - {"d"}


def test_the_faulty_dispatch_that_is_shown_has_the_findings_that_are_shown():
    blocks = [block for _, block in _FENCE.findall(text_of(EDITOR))]
    faulty = next(number for number, block in enumerate(blocks) if block.startswith("---\ntitle: Fog"))
    found = [str(problem) for problem in parse_dispatch(blocks[faulty], "dispatches/fog.md").problems]
    assert blocks[faulty + 1].splitlines() == found
    shown = re.findall(r"^dispatches/fog\.md:.*error:.*$", text_of(ROOT / "README.md"), re.MULTILINE)
    assert shown
    assert set(shown) <= set(found)


def test_each_setting_of_the_example_is_in_the_operators_document():
    example = re.findall(r"^(?:# )?(MAILER_[A-Z0-9_]+)=", text_of(ROOT / ".env.example"), re.MULTILINE)
    assert set(column(prose(OPERATOR))) & set(variable_names()) == set(example)


def test_the_settings_for_each_provider_are_valid():
    lines = re.findall(r"^    (MAILER_\w+)=(.+)$", text_of(DELIVERABILITY), re.MULTILINE)
    relays = [value for name, value in lines if name == "MAILER_RELAY"]
    assert len(relays) == 6
    assert all(parse_relay(relay).password for relay in relays if "@" in relay)
    assert all(parse_rate(value) > 0 for name, value in lines if name == "MAILER_RATE")


def test_the_defaults_in_the_operators_document_are_those_of_the_example():
    example = dict(re.findall(r"^(MAILER_[A-Z0-9_]+)=(.+)$", text_of(ROOT / ".env.example"), re.MULTILINE))
    rows = [row for row in table(prose(OPERATOR)) if len(row) == 3 and row[0].startswith("`MAILER_")]
    defaults = {_SPAN.findall(row[0])[0]: row[2].strip("`") for row in rows}
    assert {name: value for name, value in defaults.items() if name in example and value != "required"} == {
        name: example[name] for name in example if defaults.get(name, "required") != "required"
    }


@pytest.mark.parametrize(
    "path",
    [
        "/u/",
        "/news/u/",
        "/confirm/",
        "/preferences/",
        "/address/",
        "/feedback/brevo/",
        "/desk/welcome/",
        "/news/desk/",
        "/api/v1/subscribers/",
    ],
)
def test_the_web_server_of_the_operators_document_logs_no_path_with_a_token_or_an_address(path):
    text = text_of(ROOT / "docs" / "operator.md")
    unlogged = re.search(r"~(/\(.*\))  0;", text)
    assert unlogged and re.search(unlogged[1], f"{path}secret")
    assert not re.search(unlogged[1], "/archive/about-desks")
    [log] = re.findall(r"log_format letter '(.*)';", text)
    assert not {"$request", "$request_uri", "$args", "$http_referer"} & set(re.findall(r"\$\w+", log))
    assert re.findall(r"access_log .*", text) == ["access_log /var/log/nginx/letter.log letter if=$logged;"]


def test_each_setting_has_an_effect():
    sources = "\n".join(text_of(path) for path in (ROOT / "mailer").rglob("*.py"))
    fields = set(variable_names().values())
    used = {field for field in fields if re.search(rf"settings\.{field}\b", sources)}
    used |= {f"feedback_{name}" for name in MAIL_PROVIDERS}  # by `feedback_secrets`
    assert fields == used


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_each_setting_that_is_named_exists(path):
    named = set(re.findall(r"MAILER_[A-Z0-9_]*[A-Z0-9]", text_of(path)))
    former = set(RENAMED) if path.name == "CHANGELOG.md" else set()
    assert named - set(variable_names()) - former <= {"MAILER_CONECTIONS"}  # the slip in an example


@pytest.mark.parametrize(
    ("heading", "transitions"), [("States of a delivery", TRANSITIONS), ("States of a send", SEND_TRANSITIONS)]
)
def test_the_states_in_the_operators_document_are_those_of_the_program(heading, transitions):
    written = {row[0]: set(row[1].split(", ")) - {"–"} for row in table(section(OPERATOR, heading))}
    assert written == {state.value: {after.value for after in ways} for state, ways in transitions.items()}


def test_the_words_of_the_admins_document_are_those_of_the_program():
    statuses = {name for row in table(section(ADMIN, "Status")) for name in _SPAN.findall(row[0])}
    assert statuses == {status.value for status in Status} - {Status.UNKNOWN.value}
    reasons = [row[0] for row in table(section(ADMIN, "Blocking an address (suppression list)"))]
    assert set(reasons) == {reason.value for reason in SuppressionReason}


def test_each_dependency_has_its_line():
    project = tomllib.loads(text_of(ROOT / "pyproject.toml"))["project"]
    path = ROOT / "docs" / "dependencies.md"
    for heading, wanted in (
        ("The program", project["dependencies"]),
        ("Working on it", project["optional-dependencies"]["dev"]),
    ):
        rows = table(section(path, heading))
        assert [row[0] for row in rows] == [re.split(r"[<>=;\[ ]", each)[0] for each in wanted]
        assert all(all(row) and len(row) == 4 for row in rows)


def test_each_file_that_is_named_exists():
    modules = {path.name for path in (ROOT / "mailer").rglob("*.py")}
    for path in DOCUMENTS:
        for span in _SPAN.findall(prose(path)):
            if re.fullmatch(r"mailer/[\w/]+(\.py)?/?", span):
                assert (ROOT / span).exists(), f"{path.name}: {span}"
            elif re.fullmatch(r"\w+\.py", span):
                assert span in modules, f"{path.name}: {span}"


def anchors(path: Path) -> set[str]:
    """The anchors that a forge gives to the headings of a document."""
    headings = re.findall(r"^#+ (.+)$", prose(path), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def hosts_of(path: Path) -> set[str | None]:
    """The real hosts that a document may name."""
    more = {
        "checks.md": CITED,
        "deliverability.md": PROVIDERS,
        "feedback.md": {"simulator.amazonses.com"},
        "moving.md": {"github.com"},
    }
    return ELSEWHERE | more.get(path.name, set())


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_each_link_resolves(path):
    for link in _LINK.findall(_SPAN.sub("", prose(path))):
        parts = urlsplit(link)
        if parts.scheme:
            assert parts.hostname in hosts_of(path)
            continue
        target = (path.parent / parts.path).resolve() if parts.path else path
        assert target.exists(), link
        assert not parts.fragment or parts.fragment in anchors(target), link


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_examples_stand_on_reserved_domains(path):
    text = text_of(path)
    domains = re.findall(r"https?://(?:\w+:\w+@)?([\w.-]+)", text) + re.findall(r"[\w.]@([\w-]+(?:\.[\w-]+)+)", text)
    reserved = re.compile(r"(.*\.)?example(\.com|\.org|\.net)?|127\.0\.0\.1|localhost")
    assert [domain for domain in domains if not reserved.fullmatch(domain) and domain not in hosts_of(path)] == []
