"""`tas bench`: what it prints holds on any machine, and tells the machine."""

import json

import pytest
import torch
from conftest import tas

from tas_lib.accuracy import GOALS
from tas_lib.trackers import registry

MADE = {"commit", "device", "threads", "date", "numpy"}


def told(*words):
    result = tas("bench", *words, "--json", "--quiet")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


@pytest.mark.weekly
@pytest.mark.slow
def test_the_simulator_is_as_near_to_the_exact_model_as_it_should_be_and_faster_than_pymust():
    found = told("simulator", "--scatterers", 20_000, "--frames", 2, "--checked", 300)
    assert MADE < found.keys() and found["frames"] == 2 and found["checked_scatterers"] == 300
    assert 0 < 100 * found["relative_error_beyond_20mm"] < GOALS["far"]
    assert 0 < 100 * found["relative_error_10_20mm"] < GOALS["near"]
    pace = found["frames_per_second"] * found["pymust_seconds_per_frame"]
    assert found["speedup"] == pytest.approx(pace) and pace > 10


@pytest.mark.weekly
@pytest.mark.slow
def test_every_tracker_is_timed_in_both_sizes():
    found = told("trackers", "--frames", 8)
    assert MADE < found.keys() and found["command"] == "tas bench trackers --frames 8 --json"
    rows = {(row["tracker"], row["preset"]): row for row in found["trackers"]}
    both = {(name, size) for name in registry.NETWORKS for size in ("small", "paper")}
    assert rows.keys() >= both and {name for name, _ in rows} == set(registry.NAMES)
    for name in registry.NETWORKS:
        small, paper = rows[name, "small"], rows[name, "paper"]
        assert 0 < small["gflop_per_frame"] < paper["gflop_per_frame"]
        floor = small["gflop_per_frame"] / found["matrix_gflops"]
        assert small["floor_ms_per_frame"] == pytest.approx(1e3 * floor)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
@pytest.mark.parametrize("what", ["simulator", "trackers"])
def test_a_gpu_that_is_not_there_is_refused(what):
    result = tas("bench", what, "--device", "cuda")
    assert result.exit_code == 2 and "device: cuda is not available; use cpu" in result.stderr
