"""The recording keeps its values through a file and refuses what would break later steps."""

import errno
import re
import resource
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from tas_lib import recording
from tas_lib.errors import InputError


def refuses(ds, field, *words):
    with pytest.raises(InputError) as caught:
        recording.validate(ds, "clip.nc")
    message = str(caught.value)
    assert re.match(rf"clip\.nc: {field}: .+; .+", message), message
    assert all(word in message for word in words), message


def test_a_recording_survives_a_file(clip, tmp_path):
    clip["coherence"] = clip["bmode"] ** 2
    clip["correlation"] = clip["mesh"].isel(axis=0, drop=True) * 0 - 0.5
    clip = clip.assign_coords(axis=["x", "z"], frame=("time", [0, 1, 3, 4]))
    clip.attrs.update(ed_frame=0, es_frame=np.int64(2))
    recording.save(clip, tmp_path / "clip.nc")
    again = recording.open(tmp_path / "clip.nc")
    for name in ("mesh", "correlation", "time", "z", "x", "frame"):
        np.testing.assert_array_equal(again[name], clip[name])
    for name in ("bmode", "coherence"):
        assert again[name].dtype == np.float32
        assert abs(again[name] - clip[name]).max() <= 0.5 / 255 + 1e-6
    assert again.attrs == clip.attrs and type(again.attrs["es_frame"]) is int
    assert again.mesh.units == "m" and again.time.units == "s" and again.bmode.units == "1"
    recording.save(again, tmp_path / "again.nc")
    xr.testing.assert_identical(recording.open(tmp_path / "again.nc"), again)


def test_new_leaves_out_unknown_attributes_and_keeps_the_sector():
    ds = recording.new(
        np.zeros((2, 3, 4)), [0, 1], range(3), range(4), sector=np.eye(3, 4), view=None, licence="L"
    )
    assert ds.attrs == {"licence": "L"}
    assert ds.sector.dtype == bool and ds.sector.values.sum() == 3


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("bmode", (np.zeros((3, 4)), [0, 1], range(3), range(4))),
        ("bmode", (np.zeros((2, 4, 3)), [0, 1], range(3), range(4))),
        ("time", (np.zeros((2, 3, 4)), 0.1, range(3), range(4))),
    ],
)
def test_new_refuses_shapes_that_do_not_match(name, arguments):
    with pytest.raises(InputError, match=f"recording: {name}: .*give bmode as"):
        recording.new(*arguments)


def test_dimensions_must_be_there_and_in_order(clip):
    refuses(clip.drop_vars("bmode"), "bmode", "missing")
    refuses(clip.transpose("z", "x", "time", ...), "bmode", "('z', 'x', 'time')", "transpose")
    refuses(clip.rename(radial="depth"), "mesh", "depth", "rename")
    refuses(clip.drop_vars("z"), "z", "no values")


@pytest.mark.parametrize("bad", [np.nan, np.inf])
@pytest.mark.parametrize("name", ["bmode", "mesh"])
def test_values_must_be_finite(clip, name, bad):
    clip[name][(1,) * clip[name].ndim] = bad
    refuses(clip, name, f"1 of {clip[name].size} values")


def test_values_must_be_in_range(clip):
    refuses(clip.assign(bmode=clip.bmode * 255), "bmode", "to 255", "[0, 1]")
    refuses(clip.assign(coherence=-clip.bmode), "coherence", "[0, 1]")


def test_frames_must_be_there(clip):
    refuses(clip.isel(time=[0]), "time", "one frame", "two or more")
    refuses(clip.isel(x=slice(0)), "bmode", "empty")


def test_coordinates_must_increase_uniformly_in_si_units(clip):
    refuses(clip.isel(z=slice(None, None, -1)), "z", "increase")
    refuses(clip.isel(x=[0, 1, 2, 4]), "x", "0.001 to 0.002")
    refuses(clip.isel(time=[0, 2, 1, 3]), "time", "increase")
    refuses(clip.isel(time=slice(1, None)), "time", "starts at 0.02", "subtract")
    recording.validate(clip.isel(time=[0, 1, 3]))  # dropped frames leave honest, uneven times
    clip.z.attrs["units"] = "mm"
    refuses(clip, "z", "'mm'", "convert")


@pytest.mark.parametrize("name", ["bmode", "mesh", "time", "z"])
@pytest.mark.parametrize("kind", [str, complex])
def test_values_must_be_real_numbers(clip, name, kind):
    clip[name] = clip[name].astype(kind)
    refuses(clip, name, "type", "real numbers")
    arguments = {"bmode": np.zeros((2, 3, 4)), "time": [0, 1], "z": range(3), "x": range(4)}
    if name in arguments:
        arguments[name] = np.asarray(arguments[name]).astype(kind)
        with pytest.raises(InputError, match=f"recording: {name}: holds values of type"):
            recording.new(**arguments)


@pytest.mark.parametrize(
    ("changes", "field", "word"),
    [
        ({"sector_r_min": None}, "sector_r_min", "missing"),
        ({"sector_half_angle": None, "sector_r_max": None}, "sector_half_angle, .*", "none"),
        ({"sector_r_max": np.nan}, "sector_r_max", "nan"),
        ({"sector_r_max": "60 mm"}, "sector_r_max", "60 mm"),
        ({"sector_half_angle": 45}, "sector_half_angle", "radians"),
        ({"sector_half_angle": 0}, "sector_half_angle", "radians"),
        ({"sector_r_min": -0.001}, "sector_r_min, sector_r_max", "rising"),
        ({"sector_r_min": 0.07}, "sector_r_min, sector_r_max", "rising"),
    ],
)
def test_the_sector_is_stated_soundly_or_not_at_all(clip, changes, field, word):
    whole = {"sector_half_angle": 0.8, "sector_r_min": 0.005, "sector_r_max": 0.06}
    recording.validate(clip.assign_attrs(whole))
    clip.attrs |= {name: value for name, value in (whole | changes).items() if value is not None}
    refuses(clip, field, word)


def test_mesh_must_lie_in_the_sector(clip):
    refuses(clip.assign(mesh=clip.mesh * 1e3), "mesh", "leaves the sector")
    refuses(clip.assign(mesh=clip.mesh.isel(axis=[1, 0])), "mesh", "x before z")
    edge = {"sector_half_angle": 0.6, "sector_r_min": 0.025, "sector_r_max": 1.15 * 0.034}
    recording.validate(clip.assign_attrs(edge))
    for name, shift, millimetres in (
        ("sector_r_max", -0.0025, 2.5),
        ("sector_r_min", 0.0025, 2.5),
        ("sector_half_angle", -0.1, 1e3 * 1.15 * 0.034 * np.sin(0.1)),
    ):
        moved = edge | {name: edge[name] + shift}
        refuses(clip.assign_attrs(moved), "mesh", f"by {millimetres:.1f} mm")
        recording.validate(clip.assign_attrs(edge | {name: edge[name] + shift * 0.4}))


def test_mesh_must_not_fold(clip):
    recording.validate(clip.assign(mesh=clip.mesh.isel(radial=slice(None, None, -1))))
    clip["mesh"][2, 4, 1] = clip["mesh"][2, 4, 3].values
    refuses(clip, "mesh", "folded at frame 2", "contours do not cross")


def test_a_mesh_turned_over_in_one_frame_is_folded(clip):
    clip["mesh"][1] = clip["mesh"][1, :, ::-1].values
    refuses(clip, "mesh", "24 cells are folded at frame 1")


def test_mesh_needs_cells_and_two_axes(clip):
    refuses(clip.isel(radial=[0]), "mesh", "radial >= 2")
    refuses(clip.isel(axis=[0]), "mesh", "[x, z]")


@pytest.mark.parametrize("frame", [-1, 4, 1.5, "1"])
def test_key_frames_must_exist(clip, frame):
    clip.attrs["es_frame"] = frame
    refuses(clip, "es_frame", str(frame), "count the frames")


def test_triangle_areas_of_known_cells():
    grid = np.stack(np.meshgrid([0.0, 2.0, 4.0], [0.0, 3.0], indexing="ij"), axis=-1)[None]
    np.testing.assert_allclose(recording.triangle_areas(grid), np.full((1, 2, 1, 2), 3.0))


def test_a_file_that_is_none_names_itself(tmp_path):
    with pytest.raises(InputError, match=r"none\.nc: file: does not exist; check"):
        recording.open(tmp_path / "none.nc")
    (tmp_path / "text.nc").write_text("not a recording")
    with pytest.raises(InputError, match=r"text\.nc: file: is no readable NetCDF.*recording\.save"):
        recording.open(tmp_path / "text.nc")


def test_a_cut_file_is_refused(clip, tmp_path):
    path = recording.save(clip, tmp_path / "clip.nc")
    path.write_bytes(path.read_bytes()[:3000])
    with pytest.raises(InputError, match=r"clip\.nc: file: "):
        recording.open(path)


@pytest.mark.parametrize("value", [{"name": "P4-2v"}, None, True, 1j, [[1], [2, 3]]])
def test_attributes_that_no_file_can_hold_are_refused(clip, tmp_path, value):
    with pytest.raises(InputError, match=r"clip\.nc: probe: .*hold.*; make it text, a number"):
        recording.save(clip.assign_attrs(probe=value), tmp_path / "clip.nc")
    clip.mesh.attrs["probe"] = value
    with pytest.raises(InputError, match=r"clip\.nc: probe: "):
        recording.save(clip, tmp_path / "clip.nc")
    assert not list(tmp_path.iterdir())


def test_attributes_may_be_text_numbers_and_lists(clip, tmp_path):
    kept = {"word": "P4-2v", "whole": 3, "real": 0.5, "many": [1.5, 2.5], "words": ["a", "b"]}
    path = recording.save(clip.assign_attrs(kept), tmp_path / "clip.nc")
    again = recording.open(path).attrs
    assert {name: np.asarray(again[name]).tolist() for name in kept} == kept


def test_grey_levels_out_of_range_in_a_file_are_refused_not_clipped(clip, tmp_path):
    wrong = clip.drop_vars("mesh").assign(bmode=clip.bmode * 255)
    wrong.to_netcdf(tmp_path / "clip.nc", engine="h5netcdf")
    with pytest.raises(InputError, match=r"clip\.nc: bmode: values run from .*; scale them"):
        recording.open(tmp_path / "clip.nc")


@pytest.mark.parametrize("step", [1, 2, 3, 5])
@pytest.mark.parametrize("key", [(0, 4), (3, 6), (1, 9)])
def test_thinning_keeps_end_diastole_and_end_systole(step, key):
    frames, times = np.random.default_rng(0).random((11, 3, 4)), 0.02 * np.arange(11)
    names = "ed_frame", "es_frame"
    ds = recording.new(frames, times, range(3), range(4), **dict(zip(names, key, strict=True)))
    thin = recording.validate(recording.thin(ds.assign_attrs(frame_rate=50.0), step))
    assert ("frame_rate" in thin.attrs) == (step == 1)
    for name, frame in zip(names, key, strict=True):
        np.testing.assert_array_equal(thin.bmode[thin.attrs[name]], ds.bmode[frame])
    apart = thin.time[thin.attrs["es_frame"]] - thin.time[thin.attrs["ed_frame"]]
    assert float(apart) == pytest.approx(0.02 * (key[1] - key[0])) and thin.time[0] == 0
    expected = {*range(key[0], 11, step), key[1]}
    assert thin.sizes["time"] == len(expected)


def test_thinning_needs_a_step(clip):
    with pytest.raises(InputError, match="recording: step: is 0; give 1"):
        recording.thin(clip.assign_attrs(ed_frame=0, es_frame=2), 0)


def test_no_room_on_disk_leaves_the_old_file_and_nothing_else(clip, tmp_path, monkeypatch):
    path = recording.save(clip, tmp_path / "clip.nc")
    before = path.read_bytes()

    def full(self, content):
        with self.open("wb") as file:
            file.write(content[:100])
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(InputError, match=r"clip\.nc: file: .*No space left.*; free some room"):
        recording.save(clip, path)
    assert list(tmp_path.iterdir()) == [path] and path.read_bytes() == before


def test_a_real_write_failure_leaves_nothing(tmp_path):
    script = f"""
import resource, numpy as np
from tas_lib import recording
noise = np.random.default_rng(0).random((2, 300, 300))
ds = recording.new(noise, [0, 1], np.arange(300.0), np.arange(300.0))
resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, {resource.RLIM_INFINITY}))
recording.save(ds, {str(tmp_path / "clip.nc")!r})
"""
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert "InputError" in result.stderr and "File too large" in result.stderr
    assert not list(tmp_path.iterdir())


def test_a_folder_is_made_or_what_stands_in_its_place_is_said(clip, tmp_path):
    assert recording.save(clip, tmp_path / "new" / "folder" / "clip.nc").is_file()
    (tmp_path / "taken").touch()
    with pytest.raises(InputError, match=r"taken/clip\.nc: file: .*\); choose another folder"):
        recording.save(clip, tmp_path / "taken" / "clip.nc")
    with pytest.raises(InputError, match=r"new: file: .*Is a directory.*; name a file in it"):
        recording.save(clip, tmp_path / "new")
