"""One motion for all: as written, uniform along the wall, in step with the template's beat."""

import numpy as np
import pytest

from tas_lib import recording
from tas_lib.errors import InputError
from tas_lib.recording import MESH_DIMS
from tas_lib.simple_heart import NARROWING, SHORTENING, contraction, simple_motion
from tas_lib.strain import longitudinal_strain


@pytest.fixture(scope="module")
def template(oval):
    """A still wall with end-systole at frame 8 of a beat of 20."""
    z, x = 0.01 + 0.5e-3 * np.arange(200), 0.5e-3 * np.arange(-80, 81)
    grey = np.full((21, len(z), len(x)), 0.5)
    ds = recording.new(grey, 0.04 * np.arange(21), z, x, ed_frame=0, es_frame=8, cycle="ED to ED")
    mesh = oval(36, 0.75, 55e-3)
    return ds.assign(mesh=(MESH_DIMS, np.broadcast_to(mesh, (21, 36, 5, 2))))


def test_the_wall_contracts_from_its_first_frame_until_end_systole(template):
    g = contraction(template)
    assert g[0] == 0 and g[8] == pytest.approx(1) and g[-1] == pytest.approx(0, abs=1e-3)
    assert g.argmax() in (8, 9, 10) and (np.diff(g[:9]) > -1e-9).all()
    half = template.isel(time=slice(9)).assign_attrs(cycle="ED to ES")
    assert contraction(half)[-1] == pytest.approx(1)


def test_other_clips_are_refused(template):
    for other in (
        template.assign_attrs(cycle="some"),
        template.assign_attrs(es_frame=0),
        template.assign_attrs(ed_frame=1),
    ):
        with pytest.raises(InputError, match="cycle: is neither a beat .*; cut it so"):
            contraction(other)


def test_motion_is_the_one_that_is_written(template):
    moved = simple_motion(template, 3)
    mesh, first = moved.mesh.values, template.mesh.values[0]
    np.testing.assert_allclose(mesh[0], first, atol=1e-9)
    along = [np.ptp(m[:, 0, 1]) / np.ptp(first[:, 0, 1]) - 1 for m in mesh]
    aside = [np.ptp(m[:, 0, 0]) / np.ptp(first[:, 0, 0]) - 1 for m in mesh]
    assert abs(along[8] - SHORTENING[0]) < 4 * SHORTENING[1]
    assert abs(aside[8] - NARROWING[0]) < 4 * NARROWING[1]
    g = contraction(template)
    np.testing.assert_allclose(along, along[8] * g, atol=1e-9)
    np.testing.assert_allclose(aside, aside[8] * g, atol=1e-9)
    thickness = np.linalg.norm(mesh[:, :, -1] - mesh[:, :, 0], axis=-1)
    np.testing.assert_allclose(np.ptp(thickness / thickness[0], axis=1), 0, atol=1e-9)
    volume = (1 + along[8]) * (1 + 0.6 * aside[8]) * thickness[8].mean() / thickness[0].mean()
    assert volume == pytest.approx(1, abs=1e-3)  # the axis is not quite upright


def test_hearts_differ_little(template):
    gls = [longitudinal_strain(simple_motion(template, k).mesh.values)[0].min() for k in range(8)]
    assert len(set(gls)) == 8 and np.std(gls) < 0.02
    again = simple_motion(template, 0)
    np.testing.assert_array_equal(again.mesh, simple_motion(template, 0).mesh)
