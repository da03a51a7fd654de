"""Errors that many requests meet are logged once a minute."""

import logging

from mailer.web.error_log_throttle import LOG_EVERY, ErrorLog


def test_the_same_words_are_logged_once_in_a_while_and_other_words_at_once(caplog):
    clock = [0.0]
    errors = ErrorLog(logging.getLogger("mailer.web"), lambda: clock[0])
    for _ in range(1000):
        errors.write(ValueError("the database is lost"))
    errors.write(ValueError("the disk is full"))
    assert [record.message for record in caplog.records] == ["the database is lost", "the disk is full"]
    clock[0] = LOG_EVERY
    errors.write(ValueError("the database is lost"))
    assert len(caplog.records) == 3
