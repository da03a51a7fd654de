import json
import socket
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from benchmarks.__main__ import main
from benchmarks.cluster import rates_in_windows
from benchmarks.comparison import Comparison, Field, Spread, compare, runs_of
from benchmarks.composition import measure_composition
from benchmarks.contender import Aiosmtplib, Contender, Engine, Load
from benchmarks.feedback import measure_feedback
from benchmarks.growth import GrowthResult
from benchmarks.machine import ROOT
from benchmarks.markdown_tables import tables
from benchmarks.optimisations import measure_optimisations
from benchmarks.plot import draw
from benchmarks.process import Measured, UnavailableError, run
from benchmarks.relay import postfix, proxy, sink
from benchmarks.targets import ED25519, FAR, LOOPBACK, RSA, check_targets
from benchmarks.workload import SampleMessage, write_readers
from tests.support.patience import PATIENCE

SAMPLE = SampleMessage(message=b"Subject: x\r\n\r\nx\r\n", size=12_000, subject="x", text="x", html="<p>x")


def a_field(name: str = LOOPBACK, size: str = "16 KB", folder: Path = Path(), sessions: int = 20) -> Field:
    return Field(name=name, size=size, load=Load(sample=SAMPLE, folder=folder, messages=100, sessions=sessions))


def measured(rate: float = 1000, cpu: float = 100e-6, peak: int = 50_000_000) -> Measured:
    return Measured(messages=1000, seconds=1000 / rate, cpu=cpu * 1000, peak=peak)


@dataclass
class Told:
    """A contender that only remembers that it was asked."""

    name: str
    asked: list[str]
    share: float = 1.0
    far_share: float = 1.0
    missing: str = ""
    loads: list[Load] = field(default_factory=list)

    def prepare(self) -> None:
        if self.missing:
            raise UnavailableError(self.missing)

    def run(self, load: Load, port: int) -> Measured:
        self.asked.append(self.name)
        self.loads.append(load)
        assert port > 0
        return measured()


# what a run of the benchmark writes


@pytest.mark.smtp_sink
def test_a_tiny_run_writes_its_numbers(tmp_path: Path) -> None:
    arguments = (
        "--part sending --part growth --part lists --part unsubscribe --only smtp-source --size 16 --link loopback"
    )
    main([*arguments.split(), "--pairs", "1", "--messages", "40", "--readers", "60", "--out", str(tmp_path)])
    report = json.loads((tmp_path / "bench.json").read_text(encoding="utf-8"))
    assert list(report) == [
        "at",
        "machine",
        "quick",
        "pairs",
        "composition",
        "optimisations",
        "sending",
        "growth",
        "cold",
        "lists",
        "unsubscribe",
        "feedback",
        "cluster",
        "recording",
        "targets",
    ]
    pairs = {(each["first"], each["second"]): each for each in report["sending"]}
    assert list(pairs) == [("mailer", "smtp-source")]
    for pair in pairs.values():
        assert pair["skipped"] == ""
        assert abs(pair["octets"] - 16_000) <= 160
        assert set(pair) == {
            "link", "size", "octets", "sessions", "first", "second", "ratio", "more_cpu", "runs", "skipped",
        }  # fmt: skip
        for one in pair["runs"][0]:
            assert set(one) == {"messages", "seconds", "cpu", "peak", "rate"}
            assert 20 <= one["messages"] <= 40
            assert min(one["seconds"], one["cpu"], one["rate"]) > 0
    (growth,) = report["growth"]
    assert growth["readers"] == growth["sent"]["messages"] == 60
    assert 0 < growth["planning"] + growth["freezing"] < growth["first_message"]
    assert report["cold"] > 0
    assert report["optimisations"] == []
    assert report["lists"]["rows"] == 60
    assert all(each["requests"] == 40 and each["cpu"] >= 0 for each in report["unsubscribe"].values())
    rows = [line.split(" | ")[0] for line in tables(report).splitlines()]
    assert {"| mailer", "| smtp-source", "| 60", "| CPU a message, 16 KB"} <= set(rows)
    judged = {target["what"]: target for target in report["targets"]}
    assert judged["CPU a message, 16 KB"]["value"] > 0
    assert judged["CPU a message, 80 KB"]["reached"] is None


@pytest.mark.smtp_sink
def test_an_optimisation_is_measured_with_and_without(tmp_path: Path) -> None:
    (gain,) = measure_optimisations(tmp_path, ("stand-ins",), pairs=1, messages=40, log=lambda _: None)
    assert min(gain.cpu, gain.cpu_without, gain.ratio.median, gain.rate, gain.rate_without) > 0


def test_what_an_optimisation_is_switched_off_by_is_still_there() -> None:
    program = "from benchmarks.without import OPTIMISATIONS\nfor switch_off in OPTIMISATIONS.values(): switch_off()"
    run([sys.executable, "-c", program], folder=ROOT, timeout=PATIENCE)


def test_each_kind_of_message_that_comes_back_is_measured() -> None:
    read = measure_feedback(10, lambda _: None)
    assert (read.messages, read.permanent) == (10, 6)
    assert read.octets > 10 * 1_000
    assert [target.value for target in read.targets] == [10 / read.seconds]


def test_what_is_made_is_compared() -> None:
    made = measure_composition(1, lambda _: None)
    assert len(made) == 5
    assert all(each.seconds > 0 and each.against_seconds > 0 for each in made)


@pytest.mark.smtp_sink
@pytest.mark.parametrize(
    "contender", [Engine("signed by both keys", ("ed25519", "rsa")), Aiosmtplib()], ids=lambda each: each.name
)
def test_a_contender_sends_its_load(tmp_path: Path, contender: Contender) -> None:
    write_readers(tmp_path, 30)
    (tmp_path / "dispatches").mkdir()
    (tmp_path / "dispatches" / "tides.md").write_text(
        "---\ntitle: Tides\ndate: 2026-11-01\ncopyright: © Mara\n---\n\nDear reader.\n", encoding="utf-8"
    )
    load = Load(sample=SAMPLE, folder=tmp_path, messages=30, sessions=3)
    with sink() as port:
        assert contender.run(load, port).messages == 30


# pairs


@pytest.mark.smtp_sink
def test_pairs_take_turns_in_going_first() -> None:
    asked: list[str] = []
    compared = compare(a_field(), Told("a", asked), Told("b", asked), 3)
    assert asked == ["a", "b", "b", "a", "a", "b"]
    assert len(compared.runs) == 3


@pytest.mark.smtp_sink
def test_a_slow_contender_gets_a_part_of_the_load_and_one_message_a_session_at_least() -> None:
    slow, slowest = Told("slow", [], share=0.5), Told("slowest", [], share=0.001)
    compare(a_field(), slow, slowest, 1)
    assert [load.messages for load in (*slow.loads, *slowest.loads)] == [50, 20]


def test_a_contender_that_cannot_run_is_skipped_and_says_why() -> None:
    asked: list[str] = []
    compared = compare(a_field(), Told("a", asked), Told("b", asked, missing="b is not installed"), 3)
    assert (compared.skipped, compared.runs, asked) == ("b is not installed", (), [])


def test_a_ratio_is_the_median_of_the_pairs_not_of_the_sides() -> None:
    runs = tuple((measured(rate=first), measured(rate=second)) for first, second in ((200, 100), (900, 300), (50, 50)))
    compared = Comparison(field=a_field(), first="a", second="b", runs=runs)
    assert compared.ratio == Spread(pytest.approx(2), pytest.approx(1), pytest.approx(3))


def test_the_runs_of_a_contender_are_found_whoever_it_was_paired_with() -> None:
    compared = [
        Comparison(field=a_field(), first="a", second="b", runs=((measured(1), measured(2)),)),
        Comparison(field=a_field(), first="c", second="a", runs=((measured(3), measured(4)),)),
    ]
    assert [each.rate for each in runs_of("a", compared)] == pytest.approx([1, 4])


# targets


def _all_compared(rate: float, cpu: float, extra: float) -> Iterator[Comparison]:
    ours = measured(rate, cpu)
    for size in ("16 KB", "80 KB"):
        here, far = a_field(size=size), a_field(FAR, size, sessions=10)
        yield Comparison(field=here, first="mailer", second="smtp-source", runs=((ours, measured(1000)),))
        for name in (ED25519, RSA):
            yield Comparison(field=here, first=name, second="mailer", runs=((measured(rate, cpu + extra), ours),))
        for other in ("aiosmtplib", "nodemailer"):
            yield Comparison(field=far, first="mailer", second=other, runs=((measured(rate), measured(50)),))


def _grown(first_message: float, peak: int) -> list[GrowthResult]:
    sizes = (10_000, 100_000, 1_000_000)
    return [
        GrowthResult(readers=readers, first_message=first_message, sent=measured(peak=peak * readers // 1_000_000 + 10))
        for readers in sizes
    ]


def test_every_target_is_judged_by_its_own_number() -> None:
    good = check_targets(list(_all_compared(1001, 119e-6, 79e-6)), _grown(0.9, 0), 2.9)
    assert len(good) == 17
    assert [target.what for target in good if not target.reached] == []
    bad = check_targets(list(_all_compared(99, 261e-6, 1301e-6)), _grown(15.1, 151_000_000), 3.1)
    assert [target.what for target in bad if target.reached is not False] == []


def test_what_was_not_measured_is_not_judged() -> None:
    skipped = Comparison(field=a_field(), first="mailer", second="smtp-source", skipped="it is not there")
    targets = check_targets([skipped], [GrowthResult(readers=1_000_000, skipped="it took too long")], None)
    assert {(target.value, target.reached) for target in targets} == {(None, None)}


# the plot


def test_the_plot_is_an_svg_with_a_bar_for_each_contender_of_each_field() -> None:
    skipped = Comparison(field=a_field(), first="mailer", second="mailmerge", skipped="no")
    picture = draw([*_all_compared(500, 1e-4, 1e-4), skipped], "Measured <here>")
    tree = ET.fromstring(picture)
    space = "{http://www.w3.org/2000/svg}"
    assert len(tree.findall(f"{space}rect")) == 2 * (4 + 3)
    texts = [text.text for text in tree.findall(f"{space}text")]
    assert texts[-1] == "Measured <here>"
    assert "mailmerge" not in texts


# programs


def test_a_program_that_fails_is_unavailable_in_its_own_words() -> None:
    with pytest.raises(UnavailableError, match=r"failed with 3: no relay there"):
        run(
            [sys.executable, "-c", "import sys; print('no relay there', file=sys.stderr); sys.exit(3)"],
            timeout=PATIENCE,
        )


def test_a_program_that_takes_too_long_is_ended() -> None:
    with pytest.raises(UnavailableError, match=r"took more than 0 s"):
        run([sys.executable, "-c", "import time; time.sleep(60)"], timeout=0.1)


def test_a_program_that_is_not_there_is_unavailable() -> None:
    with pytest.raises(UnavailableError, match="no-such-program cannot be run"):
        run(["no-such-program"], timeout=PATIENCE)
    with pytest.raises(UnavailableError, match="apt install postfix"):
        postfix("no-such-program")


def test_a_program_is_measured_with_what_it_used() -> None:
    work = (
        "import time\nx = bytearray(40_000_000)\nend = time.process_time() + 0.2\nwhile time.process_time() < end: pass"
    )
    ended = run([sys.executable, "-c", work], timeout=PATIENCE)
    assert ended.seconds >= 0.2
    assert ended.cpu >= 0.2
    assert sys.platform != "linux" or 40_000_000 < ended.peak < 200_000_000


# the proxy


@contextmanager
def an_echo() -> Iterator[int]:
    """A server on loopback that sends back what it gets, for one connection."""

    def serve() -> None:
        connection, _ = server.accept()
        with connection:
            while data := connection.recv(65536):
                connection.sendall(data)

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=serve)
        thread.start()
        yield server.getsockname()[1]
        thread.join()


def _read(connection: socket.socket, count: int) -> bytes:
    data = b""
    while len(data) < count:
        data += connection.recv(count - len(data))
    return data


def test_the_proxy_delays_each_way_and_keeps_the_order() -> None:
    sent = b"".join(b"%05d" % n for n in range(20_000))
    with an_echo() as port, proxy(port, delay=0.05) as far, socket.create_connection(("127.0.0.1", far.port)) as client:
        start = time.monotonic()
        client.sendall(sent)
        assert _read(client, len(sent)) == sent
        assert time.monotonic() - start >= 0.1


def test_the_proxy_reports_the_end_of_the_first_message_also_in_two_pieces() -> None:
    with an_echo() as port, proxy(port, delay=0) as near, socket.create_connection(("127.0.0.1", near.port)) as client:
        for piece in (b"DATA\r\n.text\r\n", b"more\r\n.", b"\r\nMAIL"):
            before = time.monotonic()
            client.sendall(piece)
            _read(client, len(piece))
        assert before <= near.first_message(timeout=PATIENCE) <= time.monotonic()


def test_rates_are_those_of_whole_windows_between_the_beginning_and_the_end_of_a_send():
    steady = [n / 200 for n in range(200 * 20)]
    assert {round(rate) for rate in rates_in_windows(steady)} == {200}
    burst = [*steady, *(12 + n / 1000 for n in range(100))]
    assert max(rates_in_windows(burst)) == pytest.approx(210, abs=0.2)
    assert rates_in_windows(steady[: 200 * 13]) == [], "too short for a window"
