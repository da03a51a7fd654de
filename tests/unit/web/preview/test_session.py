"""The preview's page and its parts, asked over ASGI: who may ask, what is told, what follows a save."""

import asyncio
import json
import re

import pytest
from PIL import Image as Pillow

from mailer.web.preview import watcher
from mailer.web.preview.app import create_preview
from tests.support.patience import PATIENCE, until_holds
from tests.support.preview import KEY, SHOWN, TOKEN, make_newsroom, watching
from tests.support.streams import chunks_of
from tests.support.workspaces import DISPATCH


@pytest.fixture
def preview(tmp_path):
    with watching(make_newsroom(tmp_path)) as watched:
        yield watched


def test_the_preview_answers_by_the_names_of_this_machine_only(preview):
    def status(host):
        return preview.get(f"/{TOKEN}/", headers={"Host": host}).status_code

    others = ["evil.example", "evil.example:8123", "127.0.0.1", "127.0.0.1:9", "localhost.evil:8123", ""]
    assert {host: status(host) for host in others} == dict.fromkeys(others, 421)
    own = ["127.0.0.1:8123", "localhost:8123", "[::1]:8123", "LOCALHOST:8123"]
    assert {host: status(host) for host in own} == dict.fromkeys(own, 200)


def test_without_the_token_there_is_nothing(preview):
    paths = ["/", "/other/", "/other/state", "/other/letter", f"/{TOKEN}", f"/{TOKEN}x/", "/t\u00f6ken/"]
    for path in [*paths, f"/{TOKEN}/nothing", f"/{TOKEN}/media/x", "/open/other"]:
        answer = preview.get(path)
        assert (answer.status_code, answer.text) == (404, "Page not found.\n"), path


def test_the_key_leads_to_the_page_once(preview):
    answer = preview.get(f"/open/{KEY}")
    assert (answer.status_code, answer.headers["location"]) == (303, f"/{TOKEN}/")
    assert preview.get(f"/open/{KEY}").status_code == 404


def test_nothing_can_be_changed(preview):
    for method in ("POST", "PUT", "DELETE"):
        answer = preview.runner.run(preview.client.request(method, f"/{TOKEN}/state"))
        assert answer.status_code == 405


def test_each_answer_forbids_what_it_does_not_need(preview):
    for part in ("", "style.css", "script.js", "state", "letter", "mailed", "text", "readers"):
        headers = preview.ask(part).headers
        policy = headers["content-security-policy"]
        assert policy.startswith("default-src 'none'"), part
        assert "unsafe-eval" not in policy, part
        assert ("script-src" in policy) == (part == "")
        assert ("sandbox" in policy) == (part == "letter")
        assert "allow-scripts" not in policy, part
        assert headers["cache-control"] == "no-store", part
        assert headers["referrer-policy"] == "no-referrer", part
        assert headers["x-content-type-options"] == "nosniff", part


def test_the_page_has_no_script_but_the_one_that_is_served(preview):
    html = preview.ask("").text
    assert re.findall(r"<script\b[^>]*>(.*?)</script>", html) == [""]
    assert not re.search(r"\son\w+=|style=", html)


def test_what_is_there_is_told(preview):
    about = preview.about()
    assert about["source"] == DISPATCH
    assert (about["subject"], about["title"], about["from"]) == (
        "The tide table, for you",
        "The tide table",
        "The Harbour Letter",
    )
    assert about["fields"] == {"city": "", "first_name": ""}
    assert (about["final"], about["before"], about["fault"], about["address"]) == (True, False, "", "")
    assert about["size"] == len(preview.ask("mailed").content)
    assert all(problem["here"] and problem["why"] and problem["how"] for problem in about["problems"])


def test_a_reader_is_chosen_from_the_list_or_typed(preview):
    assert json.loads(preview.ask("readers").text) == ["ana@example.com"]
    ana = preview.about(**{"as": " Ana@Example.com "})
    assert (ana["subject"], ana["fields"]) == ("The tide table, for Ana", {"city": "Porto Novo", "first_name": "Ana"})
    assert "High water is at noon in your town." in preview.ask("text", **{"as": "ana@example.com"}).text
    typed = {"as": "ana@example.com", "field.city": "", "field.nonsense": "x"}
    assert "High water" not in preview.ask("text", **typed).text
    assert preview.about(**typed)["fields"] == {"city": "", "first_name": "Ana"}
    somebody = preview.about(**{"field.first_name": "<b>Bo</b>"})
    assert (somebody["subject"], somebody["address"]) == ("The tide table, for <b>Bo</b>", "reader@example.org")
    assert "<b>Bo</b>" not in preview.ask("letter", **{"field.first_name": "<b>Bo</b>"}).text


def test_a_reader_who_is_not_there_is_said(preview):
    for email in ("nobody@example.com", "not an address", "a@@b", "@", "\ud800@x", "x" * 5000):
        about = preview.about(**{"as": email.encode("utf-8", "replace").decode()})
        assert about["reader_fault"], email
        assert about["subject"] == "The tide table, for you"
    assert preview.ask("letter", **{"as": "nobody@example.com"}).status_code == 200


def test_the_letter_is_in_the_scheme_that_is_asked_for(preview):
    assert "color-scheme: dark !important" in preview.ask("letter", scheme="dark").text
    assert "color-scheme: light !important" in preview.ask("letter", scheme="light").text
    assert preview.ask("letter", scheme="mauve", images="what").status_code == 200


def test_a_save_brings_a_new_letter(preview):
    made = preview.live.state.shown_number
    preview.path.write_text(DISPATCH.replace("patience", "forbearance"))
    preview.until(lambda state: state.shown_number > made)
    assert "forbearance" in preview.ask("letter").text
    preview.until(lambda state: state.is_final)
    assert "forbearance" in preview.ask("mailed").text


def test_an_image_of_the_letter_before_is_still_there(preview):
    Pillow.new("RGB", (40, 30), "navy").save(preview.path.parent / "quay.png")
    photo = "photo: {file: quay.png, alt: The quay, credit: Mara}\n"
    preview.path.write_text(DISPATCH.replace("date: 2026-11-01\n", f"date: 2026-11-01\n{photo}", 1))
    preview.until(lambda state: state.edition.images)
    image = re.search(rf"/{TOKEN}/(media/[^\"]+)", preview.ask("letter").text)[1]
    assert preview.ask(image).headers["content-type"] == "image/png"
    preview.path.write_text(DISPATCH)
    preview.until(lambda state: not state.edition.images)
    assert preview.ask(image).status_code == 200


def test_while_there_are_errors_the_last_letter_stays_and_is_made_in_full(preview):
    made = preview.live.state.shown_number
    preview.path.write_text(DISPATCH.replace("patience", "forbearance"))
    preview.until(lambda state: state.shown_number > made)
    preview.path.write_text(DISPATCH.replace("source:", "sorce:"))
    preview.until(lambda state: state.is_before and state.is_final)
    about = preview.about()
    assert about["before"]
    assert [problem["rule"] for problem in about["problems"]] == ["missing-key", "unknown-key"]
    assert "forbearance" in preview.ask("text").text
    preview.path.write_text(DISPATCH)
    preview.until(lambda state: not state.is_before and state.is_final)
    assert preview.about()["problems"] == []


def test_a_dispatch_with_errors_has_no_letter_yet(tmp_path):
    app = make_newsroom(tmp_path)
    (tmp_path / "dispatches" / "tide.md").write_text("nothing")
    with watching(app) as preview:
        assert "subject" not in preview.about()
        assert preview.ask("letter").status_code == 200
        assert (preview.ask("text").text, preview.ask("mailed").text) == ("", "")


def test_what_stands_in_the_way_is_said_and_passes(preview, tmp_path):
    preview.path.unlink()
    preview.until(lambda state: "cannot be read" in state.error)
    assert preview.about()["subject"]
    preview.path.write_text(DISPATCH)
    preview.until(lambda state: not state.error and state.draft.is_final)
    partial = tmp_path / "templates" / "partials" / "note.html.j2"
    partial.parent.mkdir(parents=True)
    partial.write_text("{% if %}")
    preview.until(lambda state: "note.html.j2:1" in state.error)
    partial.write_text("A note of our own.")
    preview.until(lambda state: not state.error and state.draft.is_final)
    assert "A note of our own." in preview.ask("letter").text


def test_a_theme_that_is_wrong_is_a_finding_elsewhere(preview, tmp_path):
    (tmp_path / "templates").mkdir()
    (tmp_path / "templates" / "theme.toml").write_text("nonsense = 1\n")
    preview.until(lambda state: state.draft and state.draft.problems)
    (problem,) = preview.about()["problems"]
    assert (problem["rule"], problem["here"]) == ("theme", False)


def test_the_stream_tells_of_what_is_there_of_what_is_new_and_ends_with_the_preview(preview):
    async def listen():
        lines = []

        async def read():
            async for chunk in stream:
                lines.append(chunk)  # noqa: PERF401 - each as it comes

        asgi_app = create_preview(preview.live, token=TOKEN, key=KEY)
        stream = chunks_of(asgi_app, f"/{TOKEN}/events")
        task = asyncio.create_task(read())
        await until_holds(lambda: len(lines) >= 2)
        preview.path.write_text(DISPATCH.replace("patience", "forbearance"))
        await preview.live.after(preview.live.state.number)
        await until_holds(lambda: len(lines) >= 3)
        asgi_app.state.ending.set()
        async with asyncio.timeout(PATIENCE):
            await task
        return lines

    lines = preview.runner.run(listen())
    assert lines[0] == "retry: 500\n\n"
    numbers = [json.loads(line.partition("data: ")[2])["number"] for line in lines[1:]]
    assert numbers == sorted(set(numbers))


# Watching


class Changes:
    """Changes, asked for one by one."""

    def __init__(self, app, images=()):
        self.path = app.workspace.dispatches / "tide.md"
        self.images = list(images)
        self._looks = 0
        self._changes = watcher.watch_files(app, self.path, self._shown)

    def _shown(self):
        self._looks += 1
        return self.images

    async def next(self):
        async with asyncio.timeout(PATIENCE):
            await anext(self._changes)

    async def none_until(self, act):
        """Nothing is told, however often is looked, until `act` was done."""
        waiting, looks = asyncio.create_task(self.next()), self._looks
        while self._looks < looks + 12:
            await asyncio.sleep(0)
            assert not waiting.done()
        act()
        await waiting


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(watcher, "NEAR", 0.002)


def test_each_kind_of_file_is_watched_and_a_save_is_told_once(tmp_path):
    app = make_newsroom(tmp_path)
    photo = tmp_path / "dispatches" / "quay.jpg"
    kinds = {
        "the dispatch": lambda: (tmp_path / "dispatches" / "tide.md").write_text("another"),
        "in place of it": lambda: _replace(tmp_path / "dispatches" / "tide.md", "a third"),
        "its image, which was not there": lambda: photo.write_bytes(b"x"),
        "its image": lambda: photo.write_bytes(b"xy"),
        "a template": lambda: (tmp_path / "templates" / "partials" / "new.html.j2").write_text("x"),
        "another dispatch": lambda: (tmp_path / "dispatches" / "other.md").write_text("x"),
        "a list": lambda: (tmp_path / "subscribers" / "readers.csv").write_text("email\n"),
        "no list": (tmp_path / "subscribers" / "readers.csv").unlink,
    }
    (tmp_path / "templates" / "partials").mkdir(parents=True)

    async def look():
        watched = Changes(app, [photo])
        await watched.next()
        for act in kinds.values():
            await watched.none_until(act)

    asyncio.run(look())


def _replace(path, text):
    new = path.with_suffix(".new")
    new.write_text(text)
    new.replace(path)


def test_an_image_that_is_new_in_the_dispatch_is_no_change_of_its_own(tmp_path):
    app = make_newsroom(tmp_path)
    photo = tmp_path / "quay.jpg"
    photo.write_bytes(b"x")

    async def look():
        watched = Changes(app)
        await watched.next()
        watched.images.append(photo)
        await watched.none_until(lambda: photo.write_bytes(b"xy"))

    asyncio.run(look())


def test_what_is_saved_while_the_caller_is_at_work_comes_next(tmp_path):
    app = make_newsroom(tmp_path)

    async def look():
        watched = Changes(app)
        await watched.next()
        watched.path.write_text("saved meanwhile")
        await watched.next()

    asyncio.run(look())


def test_the_preview_names_its_dispatch(preview):
    assert f"<title>{SHOWN} · mailer preview</title>" in preview.ask("").text
