"""A list file read into scratch tables, ready to be merged.

    stage_list(scratch, path, name, number=1, keep=True)

Raises ListError.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from mailer.csv.columns.header_row import EMAIL, ColumnRules
from mailer.csv.reader import CsvList, RowBatch, open_list
from mailer.csv.rejected_rows_file import keep_rejected
from mailer.csv.rows import DuplicateRow, Finding, Member, RejectedRow, UnclearColumn
from mailer.ledger.store.scratch_connection import ScratchConnection
from mailer.ledger.sync.list_file_staging import StagedList, load
from mailer.ledger.sync.syncs import FileStats
from mailer.service.lists.file_digests import file_digest

SHOWN_FINDINGS = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class StagedFile:
    """A list file, its rows in scratch tables, and the statistics of reading it."""

    source: CsvList
    rows: StagedList
    reading: FileStats


def stage_list(
    scratch: ScratchConnection,
    path: Path,
    name: str,
    rules: ColumnRules,
    *,
    number: int,
    keep: bool,
    status_words: bool = False,
) -> StagedFile:
    """Reads a list file into the scratch tables of this `number`. `keep`: its rejected rows are saved beside it.

    `rules`: what the settings of the list say about its columns. `status_words`: the fields include the status as it is written.
    """
    source = open_list(path, name, rules)
    digest, size = file_digest(path), path.stat().st_size
    columns = source.columns
    status = "" if columns.status is None else columns.names[columns.status]
    reader = _ListReader(source, kept=keep)
    with ExitStack() as stack:
        if keep:
            reader.keep = stack.enter_context(keep_rejected([source]))
        conn = stack.enter_context(scratch.snapshot())
        rows = load(
            conn,
            number,
            reader.batches(columns.fields - {EMAIL, "" if status_words else status}),
            since="" if columns.since is None else columns.names[columns.since],
            dated=[columns.names[index] for index, _ in columns.signs],
        )
        for row in rows.first_duplicates(conn, SHOWN_FINDINGS):
            duplicate = DuplicateRow(line=row.line, first=row.first, identity=row.identity, status=row.status)
            reader.shown.append((row.line, source.describe(duplicate)))
    findings = sorted(reader.shown)[:SHOWN_FINDINGS]
    reading = FileStats(
        digest=digest,
        size=size,
        columns=tuple(name for name in columns.names if name),
        consent=columns.consent,
        rows=rows.people + rows.duplicates + reader.rejected,
        rejected=reader.rejected,
        findings=tuple(words for _, words in findings),
        more_findings=reader.count + rows.duplicates - len(findings),
        meanings={column: meaning.value for column, meaning in rules.meanings.items()},
        unclear=tuple(reader.unclear),
    )
    return StagedFile(source=source, rows=rows, reading=reading)


class _ListReader:
    """Streams the rows of a file; counts the findings and describes the first of them."""

    def __init__(self, source: CsvList, *, kept: bool) -> None:
        self.count = self.rejected = 0
        self.shown: list[tuple[int, str]] = []
        self.unclear: list[UnclearColumn] = []
        self.keep: Callable[[CsvList, Finding], None] | None = None
        self._source = source
        self._kept = kept

    def batches(self, fields: frozenset[str]) -> Iterator[RowBatch]:
        for batch in self._source.batches(fields):
            for row in batch.rows:
                if not isinstance(row, Member):
                    self._find(row)
            yield batch

    def _find(self, finding: Finding) -> None:
        self.count += 1
        self.rejected += isinstance(finding, RejectedRow)
        if isinstance(finding, UnclearColumn):
            self.unclear.append(finding)
        if len(self.shown) < SHOWN_FINDINGS or finding.line < max(self.shown)[0]:
            self.shown.append((finding.line, self._source.describe(finding, kept=self._kept)))
        if self.keep:
            self.keep(self._source, finding)
