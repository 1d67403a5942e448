"""The fault matrix: the tests that produce each fault. `python -m tests.faults.matrix` runs all, the slow ones too.

A fault with no test says why.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping

import pytest

KILL, WORKERS, HOSTS = "tests/faults/test_kill.py", "tests/faults/test_workers.py", "tests/cluster/test_hosts.py"
RELAY, SEARCH, FLOWS = "tests/tracking/test_relay.py", "tests/tuning/test_search.py", "tests/flows/test_train.py"
GONE = f"{HOSTS}::test_a_host_that_goes_away_costs_time_and_one_that_joins_is_used"

TESTS: Mapping[str, tuple[str, ...]] = {
    "1 kill -9 a training worker": (f"{WORKERS}::test_a_killed_worker_costs_seconds_and_no_step_is_lost_or_doubled",),
    "2 kill -9 rank 0": (f"{WORKERS}::test_a_killed_worker_costs_seconds_and_no_step_is_lost_or_doubled",),
    "3 more kills than the budget": (
        f"{WORKERS}::test_more_deaths_than_allowed_fail_the_run_with_the_cause_and_leave_nothing",
    ),
    "4 a node dies, a spare exists": (),
    "5 a node dies, none spare, elastic": (
        GONE,
        "tests/training/test_elastic.py::test_a_training_goes_on_with_fewer_workers_and_with_more_again",
    ),
    "6 kill -9 the driver": (
        f"{KILL}::test_a_kill_in_any_stage_is_mended_by_the_same_command",
        f"{KILL}::test_a_training_that_was_killed_goes_on_from_its_last_checkpoint_to_the_same_model",
        f"{WORKERS}::test_a_killed_driver_takes_its_workers_along_and_the_same_command_goes_on",
    ),
    "7 changed spec, data or code": (
        "tests/pipeline/test_reuse.py::test_the_plan_names_the_input_that_changed",
        "tests/pipeline/test_reuse.py::test_changed_bytes_of_the_data_are_seen",
    ),
    "8 finished run again": (
        "tests/pipeline/test_reuse.py::test_a_finished_run_again_reuses_everything_and_makes_no_second_version",
    ),
    "9 kill during a checkpoint, flipped byte": (
        "tests/training/test_checkpoint.py::test_what_a_killed_writer_left_is_no_checkpoint_and_is_swept",
        "tests/training/test_checkpoint.py::test_a_damaged_checkpoint_does_not_count",
        "tests/training/test_checkpoint.py::test_every_byte_counts",
    ),
    "10 disk full": (
        "tests/faults/test_disk_full.py::test_a_full_disk_ends_the_run_in_one_message_and_room_makes_it_go_on",
        "tests/training/test_checkpoint.py::test_a_full_disk_is_a_clear_error_and_leaves_the_last_checkpoint",
    ),
    "11 search driver killed": (f"{SEARCH}::test_a_killed_search_goes_on_and_no_finished_trial_is_run_again",),
    "12 a trial raises": (f"{SEARCH}::test_a_trial_that_fails_is_recorded_and_the_search_goes_on",),
    "13 flow process kill -9": (
        f"{FLOWS}::test_a_killed_run_is_called_crashed_by_the_next_one",
        f"{FLOWS}::test_a_killed_run_is_called_crashed_by_the_server_alone",
    ),
    "14 Prefect API down": (f"{FLOWS}::test_a_prefect_that_dies_meanwhile_costs_the_run_nothing",),
    "15 MLflow down for a while": (
        f"{RELAY}::test_a_server_that_is_killed_in_the_middle_and_comes_back_has_every_point_once",
    ),
    "16 MLflow down for good": (
        "tests/faults/test_mlflow_gone.py::test_a_run_without_mlflow_is_registered_later_and_nothing_is_lost",
    ),
    "17 many writers": (
        f"{RELAY}::test_eight_runs_at_once_lose_nothing",
        "tests/tracking/test_postgres.py::test_eight_writers_lose_nothing_and_none_lands_in_another_experiment",
    ),
    "18 many first starts at once": (f"{RELAY}::test_eight_first_starts_at_once_make_one_schema",),
    "19 Postgres restarted mid-run": (
        "tests/tracking/test_postgres.py::test_a_database_that_is_restarted_under_a_run_has_every_point_once",
    ),
    "20 promotion killed at every point": (
        "tests/registry/test_promotions.py::test_a_promotion_that_was_killed_anywhere_is_finished_by_the_next_and_once",
        "tests/registry/test_registering.py::test_a_registration_that_was_killed_anywhere_ends_well_when_it_is_repeated",
    ),
    "21 serving: a version that fails": (
        "tests/serving/test_app.py::test_a_version_that_does_not_load_leaves_the_old_one_and_says_so",
    ),
    "22 serving replica killed under load": (),
    "23 corrupt, empty, wrong-schema data": ("tests/e2e/test_bad_input.py::test_bad_input_is_one_clear_message",),
    "24 SIGTERM, SIGINT": (
        f"{KILL}::test_a_signal_ends_the_run_in_order_and_it_can_be_taken_up",
        f"{WORKERS}::test_a_signal_ends_a_training_by_workers_with_a_checkpoint",
    ),
    "25 the same command twice at once": (f"{KILL}::test_the_same_command_twice_at_once_has_one_winner",),
    "26 chart upgrade with a failing migration": (
        "tests/helm/test_live.py::test_a_failed_migration_leaves_all_databases_as_they_were_and_the_servers_up",
        "tests/helm/test_live.py::test_a_rollback_puts_the_dump_back_only_if_the_schema_moved_and_only_a_fresh_one",
    ),
}
UNTESTED: Mapping[str, str] = {
    "4 a node dies, a spare exists": "row 5 is this one with no spare; a fourth host is too much for two cores",
    "22 serving replica killed under load": "replicas are pods behind a Service, and no cluster was at hand",
}

if __name__ == "__main__":
    wanted = [test for tests in TESTS.values() for test in tests]
    sys.exit(pytest.main(["-m", "slow or not slow", *dict.fromkeys(wanted), *sys.argv[1:]]))
