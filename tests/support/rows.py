"""The faults that a send may meet, and the tests for each: the rows of docs/reliability.md."""

from dataclasses import dataclass

FAULTS, CONTRACT, UNIT = "tests/faults", "tests/contract", "tests/unit"
KILLS, STORAGE, OWNERS = f"{FAULTS}/test_kills.py", f"{FAULTS}/test_storage.py", f"{FAULTS}/test_owners.py"
RELAYS, SESSION, SENDER = f"{FAULTS}/test_relays.py", f"{FAULTS}/test_smtp_session.py", f"{FAULTS}/test_sender.py"
REFUSALS, CLUSTER = f"{FAULTS}/test_refusals.py", f"{FAULTS}/test_cluster.py"
RESTORED = f"{CONTRACT}/ledger/test_restored_copy.py"
CLOCK, TLS, CRASH = f"{FAULTS}/test_clock.py", f"{FAULTS}/test_tls.py", f"{CONTRACT}/ledger/test_crash.py"
OWNERSHIP, OWNED = f"{CONTRACT}/ledger/test_lease.py", f"{CONTRACT}/ledger/test_leased_shard.py"
LOST, HINDRANCES = f"{FAULTS}/test_lost_database.py", f"{CONTRACT}/service/test_send_hindrances.py"
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
        "5,000 readers, 8 connections, 200 kills a database, counted by what the server sees and some milliseconds on; "
        "resumed until finished",
        (f"{KILLS}::test_a_send_killed_at_random_instants_is_finished_by_resume",),
    ),
    Row(
        "kill -9 at each named point",
        "the server holds its answer there, or the process kills itself there: connect, EHLO, claim, MAIL, RCPT, DATA, "
        "mid-body, after `sending`, after end of DATA, after 250, after commit",
        (
            f"{KILLS}::test_a_send_killed_at_a_point_that_the_server_sees",
            f"{KILLS}::test_a_send_killed_at_a_point_that_only_the_sender_knows",
            f"{CRASH}::test_after_a_kill_every_delivery_is_accounted_for",
        ),
    ),
    Row(
        "any order of crashes and transitions",
        "hypothesis makes up claims, commits, results, unsubscribes, pauses and crashes",
        (f"{CONTRACT}/ledger/test_state_machine.py::test_one_send",),
    ),
    Row(
        "SIGTERM",
        "a server that does not answer two messages; 30 s",
        (
            f"{KILLS}::test_on_sigterm_a_send_drains_in_time_and_only_unanswered_messages_are_uncertain",
            f"{RUNNING}::test_a_signal_pauses_cleanly_and_says_how_to_go_on",
            f"{SENDER}::test_a_stop_ends_although_a_server_is_silent_and_records_what_is_uncertain",
        ),
    ),
    Row(
        "connection dropped at each stage",
        "connect, EHLO, MAIL, RCPT, DATA, mid-body, after end of DATA: message accepted, and not",
        (
            f"{RELAYS}::test_connections_dropped_at_each_stage_are_uncertain_only_after_end_of_data",
            f"{RELAYS}::test_connections_that_break_together_are_one_failure_with_a_short_backoff",
            f"{SESSION}::test_a_broken_session_is_uncertain_after_end_of_data_and_unsent_before",
            f"{SESSION}::test_a_connection_lost_in_the_middle_of_a_long_text_is_unsent",
            f"{SESSION}::test_a_message_whose_envelope_was_sent_ahead_of_a_break_is_unsent",
        ),
    ),
    Row(
        "4xx at each stage, 454 storms, greylisting",
        "replies by script; a whole audience greylisted; 14 times 454 for 8 connections",
        (
            f"{RELAYS}::test_recipients_refused_for_now_at_each_stage_are_all_mailed_later",
            f"{RELAYS}::test_recipients_that_are_all_greylisted_are_all_mailed_later",
            f"{RELAYS}::test_a_storm_of_454_halves_the_connections_and_everybody_is_mailed",
        ),
    ),
    Row(
        "a refusal within a pipelined group",
        "454 at MAIL; RCPT refused and 354 after it; unsubscribed between RCPT and end of DATA",
        (
            f"{SESSION}::test_a_relay_that_takes_no_more_is_left_without_anything_sent",
            f"{SESSION}::test_after_a_refused_recipient_and_354_end_of_data_alone_is_sent_and_its_reply_ignored",
            f"{SESSION}::test_a_cancelled_message_closes_the_connection_and_delivers_no_empty_one",
            f"{SESSION}::test_a_refusal_in_the_middle_affects_one_delivery_although_envelopes_overlap",
        ),
    ),
    Row(
        "5xx at RCPT, at MAIL, at AUTH, at end of DATA",
        "replies by script; 5.7.1 at end of DATA for everybody",
        (
            f"{RELAYS}::test_recipients_refused_for_good_fail_and_only_dead_addresses_are_suppressed",
            f"{RELAYS}::test_a_refused_sender_address_pauses_the_send_and_fails_no_delivery",
            f"{RELAYS}::test_the_breaker_pauses_a_send_refused_by_policy_and_it_can_be_resumed",
            f"{TLS}::test_a_refused_login_pauses_the_send_and_fails_no_delivery",
        ),
    ),
    Row(
        "refusals in mid-send that are about us",
        "from the 16th RCPT on: quota, sender, bare 550 and 554, 5.1.0, 5.1.7, 5.1.8, 5.2.0, 5.2.252, 5.4.5, 5.1.1 to all domains; "
        "dead mailboxes among good ones",
        (
            f"{REFUSALS}::test_refusals_in_mid_send_that_are_about_us_pause_it_and_nobody_fails_or_is_suppressed",
            f"{REFUSALS}::test_the_same_bare_refusal_in_two_sends_suppresses_nobody",
            f"{REFUSALS}::test_dead_mailboxes_among_good_ones_are_suppressed",
            f"{OWNED}::test_a_plain_550_in_every_send_suppresses_nobody",
        ),
    ),
    Row(
        "one of two relays refuses, or lacks an extension",
        "5xx to everything at CONNECT, MAIL, RCPT, end of DATA; SIZE too small; SMTPUTF8 missing, or announced and refused",
        (
            f"{REFUSALS}::test_one_of_two_relays_refuses_everything_and_the_other_one_mails_everybody",
            f"{REFUSALS}::test_two_relays_that_refuse_everything_pause_the_send_with_both_reasons",
            f"{REFUSALS}::test_a_small_limit_of_size_at_one_relay_leaves_the_mail_to_the_other",
            f"{REFUSALS}::test_a_reader_who_needs_smtputf8_is_mailed_by_the_relay_that_has_it",
            f"{REFUSALS}::test_a_parameter_that_one_reader_needs_fails_that_reader_alone_by_name",
        ),
    ),
    Row(
        "a relay that takes few messages on a connection, or asks for time",
        "452 4.4.5, 451, 450 4.7.1 and 550 after ten messages of a connection; “too fast” at each stage, with retries an hour apart",
        (
            f"{REFUSALS}::test_a_relay_that_takes_few_messages_on_a_connection_is_asked_on_a_new_one_and_that_is_learned",
            f"{REFUSALS}::test_a_relay_that_asks_for_time_gets_it_while_everybody_stays_pending",
        ),
    ),
    Row(
        "several sends at once at one rate",
        "two sends at RATE=8, DOMAIN_RATE=8 and CONNECTIONS=4, from two processes",
        (
            f"{REFUSALS}::test_a_rate_holds_over_all_sends_of_a_ledger",
            f"{REFUSALS}::test_connections_are_shared_by_all_sends_of_a_ledger",
        ),
    ),
    Row(
        "421 after every few messages",
        "every third MAIL is answered with 421",
        (
            f"{RELAYS}::test_421_after_every_few_messages_does_not_stop_the_send",
            f"{SENDER}::test_421_after_every_message_does_not_stop_the_send",
        ),
    ),
    Row(
        "reply to end of DATA late, or never",
        "limits of 1 s; two answered after 3 s, one never",
        (
            f"{RELAYS}::test_a_reply_to_end_of_data_that_comes_late_or_never_is_uncertain_at_the_limit",
            f"{SENDER}::test_a_delivery_is_uncertain_at_the_limit_if_the_server_is_silent_after_end_of_data",
        ),
    ),
    Row(
        "server stopped (SIGSTOP)",
        "a server in a process of its own, stopped amid a send; limits of 1 s a stage",
        (f"{RELAYS}::test_a_stopped_server_times_out_at_each_stage_and_the_send_ends",),
    ),
    Row(
        "malformed, endless, early replies",
        "no code, wrong classes, a line without end, 300 lines, a reply before end of DATA, one too many",
        (
            f"{RELAYS}::test_malformed_replies_before_end_of_data_fail_no_delivery",
            f"{RELAYS}::test_a_reply_before_end_of_data_is_not_an_acceptance",
            f"{RELAYS}::test_an_extra_reply_is_not_matched_to_another_message",
            f"{SESSION}::test_a_refusal_that_comes_while_the_text_is_sent_is_read_as_a_reply",
            f"{SESSION}::test_an_extra_reply_ends_the_session",
            f"{UNIT}/smtp/test_reply_parser.py::test_no_input_of_a_server_does_harm",
        ),
    ),
    Row(
        "STARTTLS missing, certificate expired, wrong name",
        "certificates of an authority of the test; also unknown authority, STARTTLS refused, replies injected before TLS, "
        "TLS from the first byte",
        (
            f"{TLS}::test_an_invalid_certificate_pauses_the_send_and_nothing_is_sent",
            f"{TLS}::test_failed_starttls_pauses_the_send_and_nothing_is_sent",
            f"{TLS}::test_a_valid_certificate_is_accepted_and_the_login_is_encrypted",
        ),
    ),
    Row(
        "disk full; EIO on fsync",
        "strace fails each pwrite64 with ENOSPC, each fdatasync with EIO, of the database's log from some call on",
        (
            f"{STORAGE}::test_a_disk_that_fails_stops_the_send_before_the_next_end_of_data",
            f"{CRASH}::test_a_disk_that_is_full_stops_the_send_and_loses_nothing_that_was_answered",
            f"{CRASH}::test_a_failed_commit_fails_its_batch_and_nothing_after_it",
        ),
    ),
    Row(
        "database locked",
        "another connection keeps a transaction open until the program gives up (30 s on SQLite, 60 s on PostgreSQL); "
        "and for a moment",
        (
            f"{STORAGE}::test_a_database_that_stays_locked_stops_the_send_and_nothing_is_sent_meanwhile",
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
        "the clock is set amid a send, between tries, before a scheduled send is due; local times that do not exist or are ambiguous",
        (
            f"{CLOCK}::test_a_running_send_goes_on_at_its_rate_and_in_order",
            f"{CLOCK}::test_a_relay_that_fails_as_the_clock_jumps_is_neither_excluded_nor_backed_off_for_hours",
            f"{CLOCK}::test_a_deferred_delivery_is_not_early_when_the_clock_goes_back",
            f"{CLOCK}::test_a_deferred_delivery_is_tried_again_when_the_clock_goes_beyond_its_lifetime",
            f"{CLOCK}::test_a_scheduled_send_is_not_early_when_the_clock_goes_back",
            f"{CLOCK}::test_a_scheduled_send_is_overdue_when_the_clock_goes_a_day_forward",
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
            f"{OWNERS}::test_a_sender_stopped_beyond_its_lease_sends_no_end_of_data_when_it_wakes",
            f"{OWNERS}::test_a_stopped_sender_keeps_its_send_on_sqlite",
            f"{OWNERSHIP}::test_a_process_stopped_beyond_its_lease_sends_no_end_of_data",
            f"{OWNERSHIP}::test_a_process_that_is_stopped_and_woken_is_fenced",
        ),
    ),
    Row(
        "unsubscribe during a send",
        "60 readers leave while the server takes its time; one between RCPT and end of DATA",
        (
            f"{OWNERS}::test_a_subscriber_gets_nothing_once_the_unsubscribe_is_committed",
            f"{SENDER}::test_a_subscriber_who_unsubscribes_during_the_send_gets_nothing",
        ),
    ),
    Row(
        "list edit, dispatch edit during a send",
        "both files are changed after a kill, and the send is resumed",
        (f"{OWNERS}::test_edits_of_the_list_and_the_dispatch_do_not_change_a_running_send",),
    ),
    Row(
        "an old copy of the database restored",
        "a copy made amid a send is put back after its end",
        (
            f"{OWNERS}::test_an_old_copy_of_the_database_is_refused_until_a_person_accepts_it",
            f"{OWNERSHIP}::test_an_old_copy_of_the_database_is_refused_until_somebody_accepts_it",
            f"{RESTORED}::test_an_older_copy_is_refused_by_everybody_until_a_workspace_accepts_it",
            f"{RESTORED}::test_a_copy_restored_into_the_same_database_is_refused_by_a_folder_that_has_not_used_it",
            f"{FAULTS}/test_lost_database.py::test_files_of_a_server_that_were_put_back_are_refused",
        ),
    ),
    Row(
        "the database goes away under `serve`",
        "PostgreSQL: idle connections ended before each of 20 unsubscribe requests, the server stopped and started; SQLite: the file moved "
        "away, replaced by a copy, and put back",
        (
            f"{LOST}::test_connections_that_were_ended_lose_no_unsubscribe_request",
            f"{LOST}::test_a_server_that_is_back_takes_unsubscribe_requests_at_once",
            f"{LOST}::test_a_database_file_that_was_moved_takes_no_unsubscribe_request_until_it_is_back",
        ),
    ),
    Row(
        "a relay that is down, under `serve`",
        "a scheduled send finds no relay; the relay comes back, or a person pauses the send, or the wait ends",
        (
            f"{HINDRANCES}::test_a_scheduled_send_whose_relay_is_down_goes_on_when_the_relay_is_back",
            f"{HINDRANCES}::test_a_send_that_a_person_paused_stays_paused_although_the_relay_is_back",
            f"{HINDRANCES}::test_before_the_first_message_the_wait_for_a_relay_ends_with_the_grace_of_the_schedule",
        ),
    ),
    Row(
        "a backup in a new folder",
        "a copy made amid a send, in a workspace without its `.mailer/`; accepted, then cancelled",
        (
            f"{OWNERS}::test_a_backup_in_a_new_folder_mails_nobody_before_and_after_a_person_accepts_it",
            f"{OWNERSHIP}::test_a_database_from_another_folder_is_refused_until_somebody_accepts_it",
        ),
    ),
    Row(
        "a new, empty database in place of another",
        "the database is deleted, or a different one named, after a send",
        (
            f"{OWNERS}::test_a_new_database_in_place_of_another_mails_nobody_until_a_person_accepts_it",
            f"{OWNERSHIP}::test_a_new_ledger_in_place_of_another_is_refused_until_somebody_accepts_it",
        ),
    ),
    Row(
        "several machines: workers killed at random instants",
        "four workers with their own host names and state folders, 20,000 readers, 200 kills; each is replaced",
        (
            f"{CLUSTER}::test_workers_killed_at_random_instants_lose_nobody_and_mail_nobody_twice",
            f"{CLUSTER}::test_workers_whose_settings_differ_take_nothing_and_name_what_differs",
        ),
    ),
    Row(
        "several machines: a worker is stopped, or cut off from the database",
        "SIGSTOP until another has taken its shard, then SIGCONT; a proxy that lets nothing through until then; SIGTERM",
        (
            f"{CLUSTER}::test_a_worker_stopped_beyond_its_lease_sends_nothing_when_it_wakes",
            f"{CLUSTER}::test_a_worker_that_is_cut_off_from_the_database_is_replaced_and_joins_again",
            f"{CLUSTER}::test_a_worker_whose_machine_is_cut_off_from_the_relay_leaves_its_shards_to_others",
            f"{CLUSTER}::test_a_worker_that_was_given_a_job_twice_ends_its_messages_before_it_stops",
            f"{CLUSTER}::test_a_send_is_handed_to_workers_that_share_it",
        ),
    ),
    Row(
        "several machines: what they share is lost",
        "Procrastinate's tables truncated twice during a send, with clocks an hour ahead and behind; PostgreSQL stopped and started",
        (
            f"{CLUSTER}::test_workers_go_on_although_the_jobs_are_gone_and_clocks_differ_by_an_hour",
            f"{CLUSTER}::test_workers_survive_a_restart_of_the_database",
        ),
    ),
    Row(
        "several machines: two `serve`",
        "the one that starts scheduled sends is killed",
        (
            f"{CLUSTER}::test_of_two_servers_one_starts_scheduled_sends_and_the_other_replaces_it",
            f"{RESTORED}::test_a_second_machine_joins_the_database_that_a_workspace_uses",
        ),
    ),
    Row(
        "a send of several shards in one process",
        "killed during the send and resumed, with greylisting; fencing, pauses and cancelling by shard",
        (
            f"{FAULTS}/test_shards.py::test_a_command_sends_one_shard_after_another_through_a_kill_and_greylisting",
            f"{CONTRACT}/ledger/test_shards.py::test_a_holder_that_lost_its_shard_sends_nothing_more_and_the_others_go_on",
            f"{CONTRACT}/ledger/test_shards.py::test_cancelling_recovers_free_shards_and_leaves_those_of_living_holders",
            f"{CONTRACT}/ledger/test_shards.py::test_batches_of_all_shards_go_on_through_pauses",
        ),
    ),
)
