"""The worker processes of a running `mailer`, as the system shows them (Linux)."""

from pathlib import Path


def workers_of(pid: int) -> list[int]:
    """The living children of process `pid` that are workers."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            stat, command = (process / "stat").read_text(), (process / "cmdline").read_bytes()
        except OSError:  # it has ended
            continue
        state, parent = stat.rpartition(")")[2].split()[:2]
        if int(parent) == pid and state != "Z" and b"mailer.service.worker" in command:
            found.append(int(process.name))
    return sorted(found)


def is_there(pid: int) -> bool:
    """Whether the process lives; a zombie does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
