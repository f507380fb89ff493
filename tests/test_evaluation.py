"""Errors against the truth: a tracker that knows the motion has none, and two observers agree."""

import json

import numpy as np
import pytest
from typer.testing import CliRunner

from tas_lib import agreement, cli, recording
from tas_lib.collection import MANIFEST
from tas_lib.errors import InputError
from tas_lib.evaluation import evaluate, tap
from tas_lib.observers import observer
from tas_lib.trackers import registry

SHIFTS = 1e-3 * np.stack([2 * np.sin(np.arange(9) / 3), np.cos(np.arange(9) / 3) - 1], -1)


class Knowing:
    """Moves whatever mesh it is given by known shifts [m], and adds an error [m]."""

    pixel, least = 0.5e-3, (2, 16)

    def __init__(self, start="es", error=(0.0, 0.0)):
        self.start, self.error = start, np.array(error)

    def follow(self, canvas, mesh, frame, progress=False):
        away = SHIFTS - SHIFTS[frame] + self.error
        away[frame] = 0
        return mesh + away[:, None, None] / canvas.pixel, None


@pytest.fixture(scope="module")
def clip(moving_clip):
    return moving_clip(SHIFTS).assign_attrs(cycle="ED to ED")


@pytest.mark.parametrize("start", ["es", "first"])
def test_who_knows_the_motion_has_no_error(clip, start):
    found = evaluate(clip, Knowing(start))
    assert found["mte"] < 1e-9 and found["median"] < 1e-9 and found["folds"] == 0
    assert found["gls"] == pytest.approx(found["gls_true"], abs=1e-9)
    np.testing.assert_allclose(found["segments"], found["segments_true"], atol=1e-9)
    assert found["closure"] == pytest.approx(np.hypot(*(SHIFTS[-1] - SHIFTS[0])))


def test_a_known_error_is_found(clip):
    found = evaluate(clip, Knowing(error=(3e-3, 4e-3)))
    assert found["mte"] == pytest.approx(8 / 9 * 5e-3)  # the frame that is given has none
    assert found["median"] == pytest.approx(5e-3)


def test_tap_metrics_count_points_within_pixels_of_a_scaled_picture():
    """Errors of 3 pixels along x lie within 4, 8 and 16 of the five limits."""
    truth = np.zeros((5, 2, 2, 2))
    found = truth + np.array([3 * 0.2 / 256, 0])
    found[2] += 1.0  # where it is given, nothing counts
    right = tap(found, truth, 2, (0.2, 0.1))
    assert right["delta_average"] == right["jaccard"] == pytest.approx(3 / 5)
    half = np.zeros((5, 2, 2), bool)
    half[:, 0] = True
    less = tap(found, truth, 2, (0.2, 0.1), half)
    assert less["delta_average"] == 3 / 5
    assert less["jaccard"] == pytest.approx(3 * 0.5 / 5)
    across = tap(found[..., ::-1], truth, 2, (0.2, 0.1))
    assert across["delta_average"] == pytest.approx(2 / 5)  # 6 pixels along z


def test_half_a_beat_need_not_close(clip):
    assert np.isnan(evaluate(clip.assign_attrs(cycle="ED to ES"), Knowing())["closure"])


def test_a_reading_is_judged_by_where_its_own_mesh_would_go(clip):
    reading = observer(clip, np.random.default_rng(1))
    assert np.abs(reading.mesh - clip.mesh.values[reading.frame]).max() > 0.5e-3
    found = evaluate(clip, Knowing(), reading)
    assert found["mte"] < 1e-6 and found["gls"] == pytest.approx(found["gls_true"], abs=1e-6)


@pytest.fixture
def folder(clip, tmp_path):
    """A cohort of two recordings that two observers see."""
    ds = clip.assign(gls_in_plane=("time", np.zeros(9)))
    for name in ("a.nc", "b.nc"):
        recording.save(ds, tmp_path / name)
    entries = [{"file": "a.nc", "observers": [1, 2]}, {"file": "b.nc", "observers": [3, 4]}]
    about = {"cohort": "hunt-a", "seed": 0, "recordings": entries}
    (tmp_path / MANIFEST).write_text(json.dumps(about))
    return tmp_path


def test_observers_are_as_far_apart_as_their_drawings_where_tracking_is_perfect(folder):
    table = agreement.agreement(folder, Knowing(), progress=False)
    assert list(table.index) == ["a.nc", "b.nc"] and (table.true == 0).all()
    for k in (1, 2):
        np.testing.assert_allclose(table[f"tracked_{k}"], table[f"carried_{k}"], atol=1e-6)


def test_agreement_needs_two_observers(folder):
    about = json.loads((folder / MANIFEST).read_text())
    about["recordings"][0]["observers"] = [1]
    (folder / MANIFEST).write_text(json.dumps(about))
    with pytest.raises(InputError, match="observers: are not two; take the cohort hunt-a"):
        agreement.agreement(folder, Knowing())
    with pytest.raises(InputError, match="file: is not there"):
        agreement.agreement(folder / "absent", Knowing())


def test_the_command_writes_what_it_prints(folder, tmp_path, monkeypatch):
    monkeypatch.setattr(registry, "get", lambda name: Knowing())
    words = ["agreement", str(folder), "--out", str(tmp_path / "out.json")]
    result = CliRunner().invoke(cli.app, words)
    assert result.exit_code == 0, result.output
    made = json.loads((tmp_path / "out.json").read_text())
    assert made["cohort"] == "hunt-a" and {"commit", "date", "device"} <= made.keys()
    apart = [abs(row["tracked_1"] - row["tracked_2"]) for row in made["recordings"].values()]
    assert f"difference {100 * np.mean(apart):.2f} points" in result.stdout
