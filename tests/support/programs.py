"""The program in processes that start at once: forked from one in which all of it is imported.

    with Programs() as programs:
        process = programs.start(workspace, "send", "tide", "--yes", faults={"lease": 1})
        process.send_signal(signal.SIGKILL)
        ran = process.wait()

Starting Python and importing what a send needs takes a second or two, too long for a suite that starts hundreds of processes.
`python -m tests.support.programs` is the process that forks; it has one thread, and reports the end of each child.
"""

import gc
import json
import os
import re
import selectors
import signal
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import Any, Self

from tests.support.patience import PATIENCE
from tests.support.workspaces import Ran


class Process:
    """One run of the program."""

    def __init__(self, pid: int, output: Path) -> None:
        self.pid = pid
        self._output = output
        self._code: int | None = None
        self._ended = threading.Event()

    def send_signal(self, number: int) -> None:
        """Sends a signal unless it has ended. Its parent reaps it and reports that only afterwards."""
        if not self._ended.is_set():
            try:
                os.kill(self.pid, number)
            except ProcessLookupError:
                return

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def poll(self) -> int | None:
        return self._code if self._ended.is_set() else None

    def wait(self, timeout: float = PATIENCE) -> Ran:
        """Returns its result. If a signal ended it, the code is the signal's number, negative."""
        assert self._ended.wait(timeout), f"it still runs; so far: {self._read(1)[-2000:]}"
        assert self._code is not None
        return Ran(self._code, self._read(0), self._read(1))

    def said(self, pattern: str, timeout: float = PATIENCE) -> re.Match[str]:
        """Waits until `pattern` is found in its standard error."""
        end = time.monotonic() + timeout
        while True:
            is_over = self._ended.is_set() or time.monotonic() > end
            if found := re.search(pattern, self._read(1)):
                return found
            assert not is_over, f"it did not print this; so far: {self._read(1)[-2000:]}"
            time.sleep(0.01)

    def set_ended(self, code: int) -> None:
        self._code = code
        self._ended.set()

    def _read(self, number: int) -> str:
        return _outputs(self._output)[number].read_text("utf-8")


class Programs:
    """Starts the process that forks, and passes requests to it."""

    def __enter__(self) -> Self:
        self._folder = TemporaryDirectory(prefix="mailer-runs-")
        command = [sys.executable, "-m", "tests.support.programs"]
        self._forker = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self._processes: dict[int, Process] = {}
        self._started = 0
        self._newest: Process | None = None
        self._answered = threading.Event()
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        for process in list(self._processes.values()):
            process.kill()
        assert self._forker.stdin and self._forker.stdout
        self._forker.stdin.close()
        self._forker.wait(PATIENCE)
        self._listener.join(PATIENCE)
        self._forker.stdout.close()
        self._folder.cleanup()

    def start(
        self, workspace: Path, *arguments: str, faults: Mapping[str, Any] | None = None, terminal: str = ""
    ) -> Process:
        """Runs the program in `workspace`, with the `faults` of tests.support.faulty, and on `terminal` if one is given."""
        assert self._forker.stdin
        self._started += 1
        output = Path(self._folder.name) / f"{self._started:05}"
        for path in _outputs(output):
            path.touch()
        self._answered.clear()
        request = {
            "workspace": str(workspace),
            "arguments": arguments,
            "faults": faults or {},
            "terminal": terminal,
            "output": str(output),
        }
        self._forker.stdin.write(json.dumps(request) + "\n")
        self._forker.stdin.flush()
        assert self._answered.wait(PATIENCE)
        assert self._newest
        return self._newest

    def run(self, workspace: Path, *arguments: str) -> Ran:
        return self.start(workspace, *arguments).wait()

    def _listen(self) -> None:
        assert self._forker.stdout
        for line in self._forker.stdout:
            event = json.loads(line)
            if "code" in event:
                self._processes.pop(event["pid"]).set_ended(event["code"])
            else:
                self._newest = self._processes[event["pid"]] = Process(event["pid"], Path(event["output"]))
                self._answered.set()


def _outputs(path: Path) -> tuple[Path, Path]:
    """Returns the files of a run's standard output and standard error."""
    return path.with_suffix(".out"), path.with_suffix(".err")


def _fork(request: Mapping[str, Any], inherited: selectors.BaseSelector) -> int:
    names = [request["terminal"]] * 3 if request["terminal"] else [os.devnull, *_outputs(Path(request["output"]))]
    opened = [os.open(name, os.O_RDWR | os.O_NOCTTY) for name in names]
    pid = os.fork()
    if pid:
        for descriptor in opened:
            os.close(descriptor)
        return pid
    inherited.close()
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    for number, descriptor in enumerate(opened):
        os.dup2(descriptor, number)
        os.close(descriptor)
    sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115 - open until the process ends
    sys.stdout = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115 - as above
    sys.stderr = open(2, "w", buffering=1, encoding="utf-8", closefd=False)  # noqa: SIM115 - as above
    os.chdir(request["workspace"])
    code = 70
    try:
        from mailer.cli.main import main
        from tests.support.faulty import inject

        inject(request["faults"])
        main(request["arguments"])
    except SystemExit as error:
        code = error.code if isinstance(error.code, int) else 1
    except BaseException:  # noqa: BLE001 - this process ends here
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _report(**what: object) -> None:
    print(json.dumps(what), flush=True)  # noqa: T201 - its standard output is read by Programs


def _import_program() -> None:
    """Imports what a send and `serve` need, and composes one message: each fork has the caches of templates, styles and SQL."""
    import mailer.cli.sends.pause_and_cancel
    import mailer.cli.sends.resolve_uncertain
    import mailer.cli.sends.resume
    import mailer.cli.sends.send
    import mailer.cli.sends.status
    import mailer.web_commands  # noqa: F401 - imported for the forks
    from mailer.app import App
    from mailer.ledger.store import postgresql, sqlite  # noqa: F401 - imported for the forks
    from mailer.service.lists.sync_before_query import ListSource
    from mailer.service.sends.plan import plan_send
    from tests.support.statements import share_compiled_statements
    from tests.support.workspaces import make_workspace

    share_compiled_statements()
    with TemporaryDirectory() as folder, App.open(make_workspace(Path(folder), ledger=False)) as app:
        plan_send(app, "tide", ["readers"], source=ListSource.FILE)
    gc.collect()
    gc.freeze()  # a collection in a fork would copy all of it


def serve() -> None:
    """Forks on request until standard input ends."""
    _import_program()

    ended, wakeup = os.pipe()
    os.set_blocking(wakeup, False)
    signal.set_wakeup_fd(wakeup)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    with selectors.DefaultSelector() as selector, sys.stdin as requests:
        selector.register(requests, selectors.EVENT_READ)
        selector.register(ended, selectors.EVENT_READ)
        while True:
            ready = {key.fileobj for key, _ in selector.select()}
            if ended in ready:
                os.read(ended, 4096)
                _reap()
            if requests in ready:
                line = requests.readline()
                if not line:
                    return
                request = json.loads(line)
                _report(pid=_fork(request, selector), output=request["output"])


def _reap() -> None:
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if not pid:
            return
        _report(pid=pid, code=os.waitstatus_to_exitcode(status))


if __name__ == "__main__":
    serve()
