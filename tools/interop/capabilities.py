"""What the client can do that others lack, and the tests that prove it.

A proof is the name of a test of this suite, the name of another test as "test_file.test_function",
or a key of LATER.
"""

LATER = {
    "second step": "second step",
}

# (what, proofs)
CAPABILITIES = (
    (
        "pure MicroPython, no C extension",
        ("test_layers.test_the_device_code_keeps_its_order",),
    ),
    (
        "a request that comes twice is executed once: the answers of POST, PUT, DELETE and iPATCH "
        "are kept for EXCHANGE_LIFETIME, 5.03 when there is no room for one more",
        (
            "test_endpoint.test_what_changes_something_is_executed_once",
            "test_endpoint.test_full_is_service_unavailable_until_exchange_lifetime",
            "test_composite.test_a_repeated_write_composite_is_executed_once",
        ),
    ),
    (
        "non-confirmable requests are answered",
        ("test_endpoint.test_a_request_reaches_the_handler_and_its_answer_the_peer",),
    ),
    (
        "PUT replaces: an instance loses what the payload leaves out",
        ("test_write_that_replaces_an_instance",),
    ),
    (
        "the retry parameters /1/x/17 to 20 are obeyed",
        (
            "test_retry.test_the_parameters_decide_when_it_is_tried_again",
            "test_retry.test_the_number_of_sequences_is_no_end",
        ),
    ),
    (
        "epmin and epmax act",
        (
            "test_int_261_attributes_of_a_multiple_resource",
            "test_evaluation.test_epmin_holds_an_evaluation_back",
            "test_evaluation.test_epmax_notices_what_moves_by_itself",
        ),
    ),
    (
        "edge, con, hqmax, attributes in the Observe request (LwM2M 1.2), LwM2M CBOR",
        ("second step",),
    ),
    (
        "registration, attributes and observations outlive a restart: the old port, an Update, "
        "the old tokens, sequence numbers that go on rising",
        (
            "test_observation_outlives_a_power_cut",
            "test_observe_restore.test_the_sequence_never_passes_what_is_reserved",
        ),
    ),
    (
        "notifications are stored while offline (/1/x/6) and told with their time",
        (
            "test_notifications_are_stored_while_offline",
            "test_storing.test_stored_notifications_go_in_order_with_their_age",
        ),
    ),
    (
        "a last notification with 4.04 when an observed path goes away",
        (
            "test_last_notification_of_an_instance_that_goes",
            "test_observe_end.test_a_resource_that_becomes_absent_ends_with_a_4_04",
        ),
    ),
    (
        "several servers at once, with access control between them",
        (
            "test_int_950_registered_at_two_servers",
            "test_int_951_attributes_are_each_servers_own",
            "test_access_control_refuses_the_second_server",
        ),
    ),
    (
        "a bootstrap is checked when it finishes (4.06), a bad one is taken back",
        (
            "test_int_9_consistency",
            "test_bootstrap.test_int_9_what_finish_refuses",
            "test_bootstrap.test_the_drafts_of_before_are_left_alone",
        ),
    ),
    (
        "a firmware update that leaves no board without an application: checked before it is "
        "chosen, on trial until it has registered, back by itself; power cut at any block write",
        (
            "test_int_779_firmware_update_fails",
            "test_versions_that_hang_or_never_register",
            "test_damaged_update.test_no_damaged_package_is_installed",
            "test_update_cut.test_a_cut_of_a_push_and_its_installation",
            "test_update_cut.test_a_cut_of_a_pull_that_goes_on",
            "test_copies.test_power_cuts_at_every_block_write",
        ),
    ),
    (
        "a download goes on after a break and after a restart, over CoAP and over DTLS",
        (
            "test_update.test_a_pull_goes_on_after_a_restart_and_a_break",
            "test_int_771_firmware_update_by_a_uri",
        ),
    ),
    (
        "a fault is told to the server: error codes, an event log that outlives a restart, the "
        "place of the last exception",
        (
            "test_fault_story",
            "test_events.test_it_survives_a_restart",
            "test_events.test_the_last_exception_is_told_with_its_place",
        ),
    ),
    (
        "settings from afar, checked, kept and done without a restart",
        (
            "test_settings.test_each_is_taken_kept_and_told",
            "test_settings.test_done_at_once",
            "test_settings_live.test_kept_over_a_restart_and_forgotten_by_a_factory_reset",
        ),
    ),
    (
        "separate responses for slow work",
        (
            "test_endpoint.test_separate_response",
            "test_endpoint.test_separate_response_nobody_acknowledges",
        ),
    ),
    (
        "figures of memory, latency and rate that anyone can measure again",
        ("test_bench.test_rate", "test_bench.test_heap", "test_bench.test_allocations"),
    ),
)
