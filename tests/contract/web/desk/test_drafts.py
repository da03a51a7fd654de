"""Dispatches as the desk writes them: other changes of the file are kept, and no text is lost."""

import os
import threading
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO

import pytest
from PIL import Image

from mailer.edition.images.loader import PhotoError
from mailer.errors import UsageError
from mailer.ledger.accounts.dispatch_revisions import APART, KEPT
from mailer.service.dispatches.check_concurrency import CheckGate
from mailer.service.dispatches.create import create_dispatch, import_text
from mailer.service.dispatches.dispatch_list import list_dispatches
from mailer.service.dispatches.files import LARGEST, ChangedError, NoDispatchError, read_dispatch, save_dispatch
from mailer.service.dispatches.photos import save_photo
from mailer.service.dispatches.preview import PreviewCache
from mailer.service.shelf.bin import KEPT_FOR, empty_bin, list_bin
from tests.support.deskpages import At, signed_in
from tests.support.patience import PATIENCE
from tests.support.site import site_in, visiting
from tests.support.workspaces import DISPATCH, make_workspace


@pytest.fixture
def site(tmp_path, database_url):
    from pydantic import SecretStr

    make_workspace(tmp_path)
    url = f"sqlite:///{tmp_path}/mailer.db" if database_url.startswith("sqlite") else database_url
    with site_in(tmp_path, database_url=SecretStr(url)) as made:
        yield made


@pytest.fixture
def file(site):
    return site.app.workspace.dispatches / "tide.md"


def saved(site, text, base=None, **options):
    base = base or read_dispatch(site.app, "tide").digest
    return save_dispatch(site.app, "tide", text, base=base, actor=options.pop("actor", "Mara"), **options)


@pytest.mark.thinned
@pytest.mark.parametrize(
    ("before", "typed", "after"),
    [
        (b"a\nb\n", "a\nc\n", b"a\nc\n"),
        (b"a\r\nb\r\n", "a\r\nc\r\n", b"a\r\nc\r\n"),
        (b"a\r\nb\r\n", "a\nc\n", b"a\r\nc\r\n"),
        (b"a\nb\n", "a\r\nc\r\n", b"a\nc\n"),
        (b"\xef\xbb\xbfa\n", "b\n", b"\xef\xbb\xbfb\n"),
        (b"a\nb", "a\nc", b"a\nc"),
        (b"a\r\nb\nc\n", "x\ny\n", b"x\ny\n"),
        (b"", "x\n", b"x\n"),
    ],
)
def test_saving_keeps_line_ends_and_byte_order_mark(site, file, before, typed, after):
    file.write_bytes(before)
    saved(site, typed)
    assert file.read_bytes() == after


def test_an_unchanged_text_is_not_written_again(site, file):
    file.write_bytes(b"a\r\nb\n")
    about = file.stat()
    saved(site, "a\nb\n", base="whatever")
    assert (file.stat().st_mtime_ns, file.stat().st_ino) == (about.st_mtime_ns, about.st_ino)
    assert site.ledger.revisions.versions("tide") == ()


def test_a_file_that_changed_elsewhere_is_not_overwritten(site, file):
    opened = read_dispatch(site.app, "tide")
    file.write_text("by git\n")
    with pytest.raises(ChangedError) as caught:
        saved(site, "by the desk\n", base=opened.digest)
    assert caught.value.now.text == "by git\n"
    assert file.read_text() == "by git\n"
    saved(site, "by the desk\n", base=caught.value.now.digest)
    history = [
        (each.actor, site.ledger.revisions.text("tide", each.id)) for each in site.ledger.revisions.versions("tide")
    ]
    assert history == [("Mara", "by the desk\n"), ("in the file", "by git\n")]


def test_of_concurrent_saves_one_succeeds_and_the_others_get_a_conflict(site):
    base = read_dispatch(site.app, "tide").digest
    told = []

    def work(number):
        try:
            saved(site, f"{number}\n", base=base, actor=str(number))
        except ChangedError:
            told.append(number)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(6)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert len(told) == 5
    assert int(read_dispatch(site.app, "tide").text) not in told


def test_saving_keeps_permissions_and_leaves_no_temporary_file(site, file):
    file.chmod(0o640)
    saved(site, "x\n")
    assert file.stat().st_mode & 0o777 == 0o640
    assert sorted(each.name for each in file.parent.iterdir()) == ["tide.md"]


def test_a_symbolic_link_is_followed_within_the_workspace_only(site, file, tmp_path_factory):
    real = file.parent.parent / "elsewhere.md"
    file.rename(real)
    file.symlink_to(real)
    saved(site, "x\n")
    assert (file.is_symlink(), real.read_text()) == (True, "x\n")
    outside = tmp_path_factory.mktemp("outside") / "secret.md"
    outside.write_text("secret\n")
    file.unlink()
    file.symlink_to(outside)
    with pytest.raises(UsageError, match="outside"):
        read_dispatch(site.app, "tide")
    assert site.app.workspace.dispatch_files() == ()


def test_a_symbolic_link_to_the_settings_is_no_dispatch(site, file):
    file.unlink()
    file.symlink_to(site.app.workspace.env_file)
    with pytest.raises(UsageError, match="a different kind of file"):
        read_dispatch(site.app, "tide")
    assert site.app.workspace.dispatch_files() == ()


@pytest.mark.thinned
@pytest.mark.parametrize("name", ["..", "../.env", "no", "", "tide.md", "a/b", ".hidden", "tide\0", "x" * 5000])
def test_an_invalid_name_is_refused(site, name):
    with pytest.raises(NoDispatchError):
        read_dispatch(site.app, name)


@pytest.mark.parametrize("text", ["x" * (LARGEST + 1), "a\0b"])
def test_an_invalid_text_is_refused(site, file, text):
    before = file.read_bytes()
    with pytest.raises(UsageError):
        saved(site, text)
    assert file.read_bytes() == before


def test_a_failed_write_leaves_the_file_unchanged(site, file, monkeypatch):
    def full(_descriptor, _mode):
        raise OSError(28, "No space left on device")

    before = file.read_bytes()
    monkeypatch.setattr(os, "fchmod", full)
    with pytest.raises(UsageError, match="No space left"):
        saved(site, "x\n")
    assert file.read_bytes() == before
    assert [each.name for each in file.parent.iterdir()] == ["tide.md"]


def test_saves_of_one_user_within_five_minutes_are_one_version(site):
    for number in range(5):
        saved(site, f"{number}\n")
        site.clock.forward(10)
    texts = [site.ledger.revisions.text("tide", each.id) for each in site.ledger.revisions.versions("tide")]
    assert texts == ["4\n", "0\n", DISPATCH]
    saved(site, "Wim’s\n", actor="Wim")
    saved(site, "by hand\n", step=True)
    site.clock.forward(APART)
    saved(site, "later\n")
    assert [each.actor for each in site.ledger.revisions.versions("tide")][:4] == ["Mara", "Mara", "Wim", "Mara"]


def test_the_history_has_a_limit(site):
    for number in range(KEPT + 5):
        site.ledger.revisions.save("tide", f"{number}", digest=f"{number}", actor="Mara", step=True)
    site.ledger.revisions.save("other", "x", digest="x", actor="Mara")
    versions = site.ledger.revisions.versions("tide")
    assert len(versions) == KEPT
    assert site.ledger.revisions.text("tide", versions[0].id) == f"{KEPT + 4}"
    assert site.ledger.revisions.text("other", versions[0].id) is None


def test_the_list_of_dispatches_shows_the_status_of_each(site, file):
    (file.parent / "2027-02-01-broken.md").write_text("---\ntitle: [\n---\n", encoding="utf-8")
    sent = site.send(site.letter())
    (file.parent / "a-letter.md").write_text(
        DISPATCH.replace("title: The tide table", "title: A letter\nslug: a-letter"), encoding="utf-8"
    )
    found = {each.name: each for each in list_dispatches(site.app)}
    os.utime(file, (1, 1))
    assert [each.name for each in list_dispatches(site.app)] == ["a-letter", "2027-02-01-broken", "tide"], (
        "last touched first"
    )
    assert (found["tide"].status, found["tide"].title) == ("checked", "The tide table")
    assert found["2027-02-01-broken"].status == "draft"
    assert found["2027-02-01-broken"].errors
    assert (found["a-letter"].status, found["a-letter"].send.id) == ("sending", sent.id)
    assert [each.name for each in list_dispatches(site.app, "HARBOUR master")] == ["a-letter", "tide"]
    assert list_dispatches(site.app, "harbour nowhere") == ()


def test_a_new_dispatch_and_an_imported_issue_become_files(site):
    made = create_dispatch(site.app, "Fog on the river")
    assert made.name == "2027-01-15-fog-on-the-river.md"
    with pytest.raises(UsageError, match="exists already"):
        create_dispatch(site.app, "Fog on the river")
    with pytest.raises(UsageError, match="needs a title"):
        create_dispatch(site.app, "  ")
    taken = import_text(site.app, "Fog\r\n\r\nMay 3, 2025\r\n\r\nIt is foggy.\r\n")
    assert taken.name == "2025-05-03-fog"
    assert "It is foggy." in read_dispatch(site.app, taken.name).text


def test_a_dispatch_of_the_desk_has_its_user_as_editor_and_its_first_version_is_theirs(site):
    made = create_dispatch(site.app, "Fog on the river", by="Mara Lindqvist")
    text = read_dispatch(site.app, made.stem).text
    assert 'name: "Mara Lindqvist"' in text
    assert f"© 2027 {site.app.settings.sender.name}." in text
    taken = import_text(site.app, "Fog\n\nMay 3, 2025\n\nIt is foggy.\n", by="Mara Lindqvist")
    for name in (made.stem, taken.name):
        now = read_dispatch(site.app, name)
        if name == taken.name:  # the page that answered the form is reloaded
            assert import_text(site.app, "Fog\n\nMay 3, 2025\n\nIt is foggy.\n", by="Mara Lindqvist") == taken
        save_dispatch(site.app, name, f"{now.text}\nMore.\n", base=now.digest, actor="Wim Baas", step=True)
        assert [each.actor for each in site.ledger.revisions.versions(name)] == ["Wim Baas", "Mara Lindqvist"]
    with pytest.raises(UsageError, match="exists already"):
        import_text(site.app, "Fog\n\nMay 3, 2025\n\nIt is foggy.\n", by="Mara Lindqvist")


@pytest.fixture
def desk(site):
    with visiting(site) as visitor:
        yield At(visitor, signed_in(site, "writer"))


def test_a_dispatch_is_duplicated_renamed_and_kept_as_a_template(site, desk, file):
    here, folder = "/desk/dispatches", file.parent
    copy = desk.post(f"{here}/tide/duplicate").headers["location"].rpartition("/")[2]
    text = DISPATCH.replace("title: The tide table", "title: The tide table (copy)").replace("2026-11-01", "2027-01-15")
    assert (copy, (folder / f"{copy}.md").read_text("utf-8")) == ("2027-01-15-the-tide-table-copy", text)
    again = desk.post(f"{here}/tide/duplicate").headers["location"]
    assert again.endswith("-the-tide-table-copy-2")
    windows = folder / f"{copy}.md"
    windows.write_bytes(windows.read_bytes().replace(b"\n", b"\r\n"))
    desk.post(f"{here}/{copy}/rename", {"title": "Fog: again"})
    new = folder / "2027-01-15-fog-again.md"
    assert not windows.exists() and b'title: "Fog: again"\r\n' in new.read_bytes()
    actors = [each.actor for each in site.ledger.revisions.versions(new.stem)]
    assert set(actors) == {"Wim Writer"} and site.ledger.revisions.versions(copy) == ()
    (folder / "link.md").write_text(
        DISPATCH.replace("The harbour master", "As in [[2027-01-15-fog-again]], he"), "utf-8"
    )
    used = desk.follow(desk.post(f"{here}/{new.stem}/rename", {"title": "Rain"})).text
    assert new.exists() and "it is used by The tide table" in used
    desk.post(f"{here}/{new.stem}/template", {"template": "Monthly issue"})
    shelf = desk.get(here).text
    assert "<option>monthly-issue</option>" in shelf and (folder / "templates" / "monthly-issue.md").is_file()
    made = desk.post(here, {"title": "May", "template": "monthly-issue"}).headers["location"].rpartition("/")[2]
    assert (made, 'title: "May"\n' in read_dispatch(site.app, made).text) == ("2027-01-15-may", True)
    assert desk.post(here, {"title": "May", "template": "none"}).status_code == 422
    desk.post(f"{here}:template/remove", {"template": "monthly-issue"})
    assert "monthly-issue" not in desk.get(here).text


def test_a_deleted_dispatch_stays_in_the_bin_for_thirty_days(site, desk, file):
    here = "/desk/dispatches"
    text = file.read_bytes()
    saved(site, f"{text.decode()}More.\n")
    desk.post(f"{here}/tide/delete")
    [deleted] = list_bin(site.app)
    assert (file.exists(), deleted.name, deleted.title) == (False, "tide", "The tide table")
    assert desk.get(f"{here}/tide").status_code == 404 and "Bin (1)" in desk.get(here).text
    assert "The tide table" in desk.get(f"{here}:bin").text
    file.write_bytes(b"new")
    assert "There is a dispatch" in desk.follow(desk.post(f"{here}:bin", {"id": deleted.id})).text
    file.unlink()
    desk.post(f"{here}:bin", {"id": deleted.id})
    assert (file.read_bytes(), list_bin(site.app)) == (text + b"More.\n", ())
    assert "no longer in the bin" in desk.follow(desk.post(f"{here}:bin", {"id": deleted.id})).text
    desk.post(f"{here}/tide/delete")
    site.clock.forward(KEPT_FOR - 1)
    empty_bin(site.app)
    assert len(list_bin(site.app)) == 1 and site.ledger.revisions.versions("tide")
    site.clock.forward(1)
    empty_bin(site.app)
    assert (list_bin(site.app), site.ledger.revisions.versions("tide")) == ((), ())


def picture(**options):
    data = BytesIO()
    image = Image.new("RGB", (3000, 2000), "#17506b")
    exif = image.getexif()
    exif[0x010E] = "taken at home"
    image.save(data, "JPEG", exif=exif, **options)
    return data.getvalue()


def test_a_photo_is_scaled_down_and_stripped_of_metadata(site, file):
    kept = save_photo(site.app, BytesIO(picture()), "../../IMG 2041 (Café)").file
    assert kept.startswith("photos/img-2041-cafe-")
    with Image.open(file.parent / kept) as image:
        assert image.size == (1200, 800)
        assert not image.getexif()
    assert save_photo(site.app, BytesIO(picture()), "../../IMG 2041 (Café)").file == kept


@pytest.mark.thinned
@pytest.mark.parametrize("data", [b"", b"<svg onload='alert(1)'/>", b"GIF89a" + b"\0" * 40, picture()[:5000]])
def test_an_invalid_photo_is_refused(site, file, data):
    with pytest.raises(PhotoError):
        save_photo(site.app, BytesIO(data), "x")
    assert not list((file.parent / "photos").glob("*"))


def test_the_preview_keeps_the_last_version_without_errors(site):
    proofs = PreviewCache(site.app, "/media/", CheckGate())
    assert proofs.make("tide").edition is not None
    saved(site, DISPATCH.replace("source:", "sorce:"))
    broken = proofs.make("tide")
    assert (broken.edition, broken.before is not None) == (None, True)
    assert any("sorce" in problem.message for problem in broken.problems)
    assert "High water" not in proofs.get("tide", broken.digest).html
    ana = proofs.get("tide", broken.digest, reader="ana@example.com")
    assert "High water is at noon" in ana.html
    assert ana.subject == "The tide table, for Ana"
    assert PreviewCache(site.app, "/media/", CheckGate()).get("tide", broken.digest) is None


@pytest.mark.thinned
def test_uploads_of_photos_do_not_wait_in_a_long_queue(site, monkeypatch):
    started, go_on = threading.Semaphore(0), threading.Event()

    def slow(*_arguments, **_options):
        started.release()
        go_on.wait(PATIENCE)
        raise PhotoError("the photo is invalid")

    monkeypatch.setattr("mailer.service.dispatches.photos.load_photo", slow)
    with ThreadPoolExecutor(4) as pool:
        uploads = [pool.submit(save_photo, site.app, BytesIO(b"x"), "x") for _ in range(4)]
        for _ in uploads:
            assert started.acquire(timeout=PATIENCE)
        with pytest.raises(PhotoError, match="Too many pictures"):
            save_photo(site.app, BytesIO(b"x"), "x")
        go_on.set()
    with pytest.raises(PhotoError, match="invalid"):
        save_photo(site.app, BytesIO(b"x"), "x")
