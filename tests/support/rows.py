"""What can befall a send, and the tests that have it befall one: the rows of docs/reliability.md."""

from dataclasses import dataclass

FAULTS, CONTRACT, UNIT = "tests/faults", "tests/contract", "tests/unit"
KILLS, STORAGE, OWNERS = f"{FAULTS}/test_kills.py", f"{FAULTS}/test_storage.py", f"{FAULTS}/test_owners.py"
RELAYS, LANE, SENDER = f"{FAULTS}/test_relays.py", f"{FAULTS}/test_smtp_session.py", f"{FAULTS}/test_sender.py"
CLOCK, TLS, CRASH = f"{FAULTS}/test_clock.py", f"{FAULTS}/test_tls.py", f"{CONTRACT}/ledger/test_crash.py"
OWNERSHIP, OWNED = f"{CONTRACT}/ledger/test_lease.py", f"{CONTRACT}/ledger/test_send_session.py"
SCHEDULE, RUNNING = f"{CONTRACT}/cli/test_schedule.py", f"{CONTRACT}/cli/test_running.py"


@dataclass(frozen=True, slots=True)
class Row:
    """`tests` are functions: each runs with all of its cases."""

    fault: str
    how: str
    tests: tuple[str, ...]


ROWS = (
    Row(
        "kill -9 at random instants",
        "5,000 readers, 8 lanes, 200 kills a database, counted by what the server sees and some milliseconds on; "
        "resumed until finished",
        (f"{KILLS}::test_killed_at_random_instants_it_is_finished_by_resume",),
    ),
    Row(
        "kill -9 at each named point",
        "the server holds its answer there, or the process kills itself there: connect, EHLO, claim, MAIL, RCPT, DATA, "
        "mid-body, after `sending`, after the dot, after 250, after commit",
        (
            f"{KILLS}::test_killed_at_a_point_that_the_server_sees",
            f"{KILLS}::test_killed_at_a_point_that_only_the_sender_knows",
            f"{CRASH}::test_after_a_kill_every_delivery_is_accounted_for",
        ),
    ),
    Row(
        "any order of crashes and moves",
        "hypothesis makes up claims, commits, settlements, unsubscribes, pauses and crashes",
        (f"{CONTRACT}/ledger/test_state_machine.py::test_one_send",),
    ),
    Row(
        "SIGTERM",
        "a server that falls silent for two messages; 30 s",
        (
            f"{KILLS}::test_asked_to_end_it_drains_within_its_time_and_only_the_unanswered_are_uncertain",
            f"{RUNNING}::test_a_signal_pauses_cleanly_and_says_how_to_go_on",
            f"{SENDER}::test_a_stop_that_a_silent_server_holds_up_ends_all_the_same_and_says_what_is_uncertain",
        ),
    ),
    Row(
        "connection dropped at each stage",
        "connect, EHLO, MAIL, RCPT, DATA, mid-body, after the dot: message taken, and not",
        (
            f"{RELAYS}::test_dropped_at_each_stage_only_who_got_the_dot_is_uncertain",
            f"{RELAYS}::test_lanes_that_break_together_are_one_failure_after_which_a_relay_rests_for_a_moment",
            f"{LANE}::test_a_broken_conversation_is_uncertain_after_the_dot_and_unsent_before",
            f"{LANE}::test_a_connection_lost_in_the_middle_of_a_long_text_left_no_dot_and_is_unsent",
            f"{LANE}::test_whoever_s_envelope_left_ahead_of_a_break_is_unsent",
        ),
    ),
    Row(
        "4xx at each stage, 454 storms, greylisting",
        "replies by script; a whole audience greylisted; 40 times 454 for 8 lanes",
        (
            f"{RELAYS}::test_refused_for_now_at_each_stage_everybody_is_mailed_later",
            f"{RELAYS}::test_greylisted_one_and_all_everybody_is_mailed_later",
            f"{RELAYS}::test_a_storm_of_454_halves_the_pace_and_everybody_is_mailed",
        ),
    ),
    Row(
        "a refusal within a pipelined group",
        "454 at MAIL; RCPT refused and 354 after it; unsubscribed between RCPT and dot",
        (
            f"{LANE}::test_454_at_mail_in_a_pipelined_group_is_the_verdict",
            f"{LANE}::test_a_refused_recipient_with_354_after_it_gets_a_lone_dot_and_no_blame_is_shifted",
            f"{LANE}::test_a_message_that_may_not_leave_closes_the_connection_and_nothing_empty_is_delivered",
            f"{LANE}::test_a_refusal_in_the_middle_is_one_delivery_s_though_envelopes_overlap",
        ),
    ),
    Row(
        "5xx at RCPT, at MAIL, at AUTH, at the dot",
        "replies by script; 5.7.1 at the dot for everybody",
        (
            f"{RELAYS}::test_readers_that_are_refused_for_good_fail_and_only_the_dead_are_suppressed",
            f"{RELAYS}::test_a_sender_that_is_refused_pauses_the_send_and_charges_nobody",
            f"{RELAYS}::test_refused_for_good_by_policy_the_breaker_stops_the_send_and_it_goes_on_once_mended",
            f"{TLS}::test_a_login_that_is_refused_pauses_the_send_and_charges_nobody",
        ),
    ),
    Row(
        "421 after every few messages",
        "every third MAIL is answered with 421",
        (f"{RELAYS}::test_421_after_every_few_messages_goes_on", f"{SENDER}::test_421_after_every_message_goes_on"),
    ),
    Row(
        "reply to the dot late, or never",
        "limits of 1 s; two answered after 3 s, one never",
        (
            f"{RELAYS}::test_a_reply_to_the_dot_that_comes_late_or_never_is_uncertain_at_the_limit",
            f"{SENDER}::test_a_server_that_falls_silent_after_the_dot_is_uncertain_at_the_limit",
        ),
    ),
    Row(
        "server stopped (SIGSTOP)",
        "a server in a process of its own, stopped amid a send; limits of 1 s a stage",
        (f"{RELAYS}::test_a_server_that_is_stopped_times_out_at_each_stage_and_hangs_nobody",),
    ),
    Row(
        "malformed, endless, early replies",
        "no code, wrong kinds, a line without end, 300 lines, a reply before its dot, one too many",
        (
            f"{RELAYS}::test_replies_that_are_none_cost_nobody_anything_before_the_dot",
            f"{RELAYS}::test_a_reply_to_the_dot_that_comes_before_the_dot_is_no_acceptance",
            f"{RELAYS}::test_a_reply_too_many_is_taken_for_nobody_else_s",
            f"{LANE}::test_an_extra_reply_ends_the_lane",
            f"{UNIT}/smtp/test_reply.py::test_nothing_a_server_says_does_harm",
        ),
    ),
    Row(
        "STARTTLS missing, certificate expired, wrong name",
        "certificates of an authority of the test; also unknown authority, STARTTLS refused, replies injected before TLS, "
        "TLS from the first byte",
        (
            f"{TLS}::test_a_certificate_that_is_wrong_pauses_the_send_and_nothing_leaves",
            f"{TLS}::test_starttls_that_does_not_come_about_pauses_the_send_and_nothing_leaves",
            f"{TLS}::test_a_certificate_that_is_right_is_taken_and_the_login_is_not_in_clear",
        ),
    ),
    Row(
        "disk full; EIO on fsync",
        "strace fails each pwrite64 with ENOSPC, each fdatasync with EIO, of the database's log from some call on",
        (
            f"{STORAGE}::test_a_disk_that_fails_stops_the_send_before_the_next_dot",
            f"{CRASH}::test_a_disk_that_is_full_stops_the_send_and_loses_nothing_that_was_answered",
            f"{CRASH}::test_a_failed_commit_fails_its_batch_and_nothing_after_it",
        ),
    ),
    Row(
        "database locked",
        "another connection keeps a transaction open until the program gives up (30 s on SQLite, 60 s on PostgreSQL); "
        "and for a moment",
        (
            f"{STORAGE}::test_a_database_that_stays_locked_stops_the_send_and_nothing_leaves_meanwhile",
            f"{STORAGE}::test_a_database_that_is_locked_for_a_moment_only_delays",
        ),
    ),
    Row(
        "PostgreSQL backend killed, server restarted",
        "pg_terminate_backend 20 times, an immediate stop and start 10 times, amid a send",
        (
            f"{STORAGE}::test_backends_that_are_killed_stop_the_send_and_it_goes_on",
            f"{STORAGE}::test_a_server_that_is_restarted_stops_the_send_and_it_goes_on",
            f"{OWNERSHIP}::test_a_backend_that_is_killed_fails_a_batch_and_the_next_one_reconnects",
        ),
    ),
    Row(
        "clock back an hour, forward a day, daylight saving",
        "the clock is set amid a send, between tries, before a scheduled send is due; local times that are none or two",
        (
            f"{CLOCK}::test_a_send_under_way_goes_on_at_its_pace_and_in_order",
            f"{CLOCK}::test_a_relay_that_fails_as_the_clock_jumps_is_neither_left_out_nor_left_to_rest_for_hours",
            f"{CLOCK}::test_what_waits_for_its_next_try_is_not_early_when_the_clock_goes_back",
            f"{CLOCK}::test_what_waits_for_its_next_try_has_one_when_the_clock_goes_beyond_its_lifetime",
            f"{CLOCK}::test_a_scheduled_send_is_not_early_when_the_clock_goes_back",
            f"{CLOCK}::test_a_scheduled_send_asks_when_the_clock_goes_a_day_forward",
            f"{SCHEDULE}::test_a_time_is_read_in_the_time_zone_of_the_settings",
            f"{SCHEDULE}::test_a_time_that_is_none_is_refused_with_what_to_write",
        ),
    ),
    Row(
        "two to four senders at once",
        "as many `send`s, `resume`s, and different sends, started together",
        (
            f"{OWNERS}::test_of_senders_that_start_at_once_one_sends_and_the_others_name_it",
            f"{OWNERS}::test_of_resumes_at_once_one_sends_and_the_others_name_it",
            f"{OWNERS}::test_different_sends_at_once_do_not_touch_each_other",
            f"{CRASH}::test_of_processes_that_race_for_a_send_one_acquires_it",
        ),
    ),
    Row(
        "a sender stopped beyond its lease, then woken",
        "SIGSTOP amid a send until another has taken it over (PostgreSQL), then SIGCONT; on SQLite nobody can take it",
        (
            f"{OWNERS}::test_one_that_slept_beyond_its_lease_lets_no_dot_leave_when_it_wakes",
            f"{OWNERS}::test_one_that_sleeps_keeps_its_send_where_the_lock_is_of_the_machine",
            f"{OWNERSHIP}::test_a_process_stopped_beyond_its_lease_sends_no_end_of_data",
            f"{OWNERSHIP}::test_a_process_that_is_stopped_and_woken_is_fenced",
        ),
    ),
    Row(
        "unsubscribe during a send",
        "60 readers leave while the server takes its time; one between RCPT and dot",
        (
            f"{OWNERS}::test_who_unsubscribes_is_mailed_nothing_from_its_commit_on",
            f"{SENDER}::test_who_unsubscribes_while_it_runs_gets_nothing",
        ),
    ),
    Row(
        "list edit, dispatch edit during a send",
        "both files are changed after a kill, and the send is resumed",
        (f"{OWNERS}::test_a_list_and_a_dispatch_that_are_edited_change_nothing_of_a_send_under_way",),
    ),
    Row(
        "an old copy of the database restored",
        "a copy made amid a send is put back after its end",
        (
            f"{OWNERS}::test_an_old_copy_of_the_database_is_refused_until_a_person_accepts_it",
            f"{OWNERSHIP}::test_an_old_copy_of_the_database_is_refused_until_somebody_accepts_it",
        ),
    ),
)
