"""The audit log: looks at readers are recorded once an hour, for each reader."""

from mailer.ledger.accounts import audit_log


def entries(ledger):
    return [(each.actor, each.action, each.object) for each in reversed(ledger.audit.entries())]


def look(ledger, reader, actor="Mara"):
    ledger.audit.record_look(actor, "reader.show", "a…@example.com", reader=reader)


def test_a_look_at_the_same_reader_is_recorded_again_after_an_hour(ledger, clock):
    for seconds in (0, 1800, 1799, 1, 10):
        clock.now += seconds
        look(ledger, "ana@example.com")
    assert entries(ledger) == [("Mara", "reader.show", "a…@example.com")] * 2


def test_looks_at_two_readers_with_the_same_masked_address_are_two_entries(ledger):
    for reader in ("ana@example.com", "ada@example.com", "ana@example.com"):
        look(ledger, reader)
    look(ledger, "ana@example.com", actor="Bo")
    assert [actor for actor, _, _ in entries(ledger)] == ["Mara", "Mara", "Bo"]
    assert all("ana" not in str(each) and "ada@" not in str(each) for each in ledger.audit.entries())


def test_a_clock_that_goes_back_hides_no_look(ledger, clock):
    look(ledger, "ana@example.com")
    clock.now -= 86_400
    look(ledger, "ana@example.com")
    assert len(entries(ledger)) == 2


def test_only_the_latest_looks_are_remembered(ledger, monkeypatch):
    monkeypatch.setattr(audit_log, "KEPT_LOOKS", 2)
    for reader in ("ana@example.com", "ada@example.com", "ana@example.com", "abe@example.com", "ada@example.com"):
        look(ledger, reader)
    assert len(entries(ledger)) == 4
