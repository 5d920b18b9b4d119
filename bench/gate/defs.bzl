"""How the gate's boxes and its rows are built."""

load("@rules_cc//cc:defs.bzl", "cc_library", "cc_test")
load("//bench:defs.bzl", "ABSL_USER_COPTS", "BENCH_COPTS")

# What gate.cc is linked with.
GATE_DEPS = [
    "//bench/gate:baselines",
    "//bench/gate:junit",
    "//bench/gate:reference",
    "//bench/gate:report",
    "//bench/gate:rows",
    "//bench/gate:runner",
    "//bench/lib:json_writer",
    "//bench/lib:machine",
    "//bench/lib:matches",
    "//bench/lib:runfiles",
    "//bench/lib:temp_dir",
    "//bench/lib:tool_flags",
    "@com_google_absl//absl/flags:flag",
    "@com_google_absl//absl/strings",
]

# Known regressions: name to switches. docs/gate.md says which row finds which.
FAULTS = {
    "hot_path": "fault_hot_path=true",
    # A twentieth of the 24 instructions an op that refills take in instructions_refill.
    "slow_refill": "fault_refill_turns=440",
    "lost_run": "fault_lost_run=100",
    "leaked_slot": "fault_leaked_slot=50",
    # A tenth more than the lane has.
    "fat_cache": "small_bin_bytes=72090,medium_bin_bytes=1153434,wide_bin_bytes=2306867," +
                 "tcache_max_bytes=27682406",
}

# The rows of rows.cc, in its order; rows_test holds the one against the other.
GATE_ROWS = [
    "hot_path",
    "library_size",
    "start_true",
    "start_first_blocks",
    "repro",
    "footprint",
    "fill_mt_remote_t8_r0",
    "fill_mt_remote_t8_r50",
    "fill_mt_remote_t8_r90",
    "fill_mt_remote_t32_r0",
    "fill_mt_remote_t32_r50",
    "fill_mt_remote_t32_r90",
    "fill_mt_remote_t8_r0_runs",
    "fill_mt_remote_t8_r50_runs",
    "fill_mt_remote_t8_r90_runs",
    "fill_mt_remote_t32_r0_runs",
    "fill_mt_remote_t32_r50_runs",
    "fill_mt_remote_t32_r90_runs",
    "fill_class_shift_up",
    "fill_class_shift_mid",
    "fill_class_shift_down",
    "fill_producer_consumer",
    "fill_sleepers",
    "fill_generations",
    "fill_sawtooth",
    "fill_sawtooth_large",
    "fill_small",
    "fill_trace",
    "instructions_pair",
    "instructions_batch",
    "instructions_refill",
    "instructions_mixed_small",
    "instructions_mixed",
    "instructions_wide",
    "instructions_new_delete",
    "instructions_realloc",
    "timed_pair_64",
    "timed_batch_1000",
    "timed_random_mixed_16_2048",
    "timed_random_mixed_16_32768",
    "timed_mt_remote_t4_r50_16_2048",
    "timed_mt_remote_t8_r90_16_32768",
    "timed_mt_remote_t8_r50_16_32768_filled",
    "timed_larson_8_1024",
    "timed_pipeline_1_1_16_4096",
    "timed_thread_churn",
    "timed_exchange",
    "timed_strings",
    "timed_large_filled",
    "timed_threads_1000",
    "timed_startup",
]

def gate_box(name, deps = [], copts = BENCH_COPTS, test_deps = [], test_data = [], test_args = []):
    """One box of the gate: name.h, name.cc and the test of both, name_test.cc.

    Args:
      name: the box.
      deps: as deps of cc_library.
      copts: the warnings.
      test_deps: in addition to the box, its deps and googletest.
      test_data: as data of cc_test.
      test_args: as args of cc_test.
    """
    cc_library(
        name = name,
        srcs = [name + ".cc"],
        hdrs = [name + ".h"],
        copts = copts,
        deps = deps,
    )
    cc_test(
        name = name + "_test",
        size = "small",
        srcs = [name + "_test.cc"],
        copts = copts,
        args = test_args,
        data = test_data,
        deps = [":" + name] + deps + test_deps + ["@com_google_googletest//:gtest_main"],
    )

def gate_rows(name, rows):
    """One test target for each row of the gate, row_<row>, and the suite of them all.

    They are manual: timed ones say little while other tests run. Each reserves two processors, so
    that a machine with two runs nothing beside it; a remote execution service may run as many as it
    has machines.

    Args:
      name: of the suite.
      rows: their names, as rows.cc has them.
    """
    for row in rows:
        timed = row.startswith("timed_")
        cc_test(
            name = "row_" + row,
            size = "medium",
            srcs = ["gate.cc"],
            copts = ABSL_USER_COPTS,
            args = ["--rows=" + row, "--minutes=4"],
            data = [":programs"],
            tags = [
                "cpu:2",
                "gate",
                "manual",
                # What was fast yesterday says nothing about today.
            ] + (["external", "exclusive-if-local"] if timed else []),
            deps = GATE_DEPS,
        )
    native.test_suite(
        name = name,
        tags = ["manual"],
        tests = [":row_" + row for row in rows],
    )
