"""What runs on a GPU gives there what it gives on the CPU; these tests need one."""

import numpy as np
import pytest
import torch

from tas_lib import samples, training
from tas_lib.samples import Clip, sequence
from tas_lib.simulator import Acquisition, SectorOperator
from tas_lib.trackers import registry
from tas_lib.training import Budget, train

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU")
SHIFTS = 1e-3 * np.stack([3 * np.sin(np.arange(12)), np.cos(np.arange(12))], -1)


@pytest.fixture(scope="module")
def data(moving_clip):
    return [sequence(moving_clip(SHIFTS, seed), 0.5e-3, 8e-3) for seed in (0, 1)]


def test_the_operator_gives_the_same_image():
    rng, acq = np.random.default_rng(0), Acquisition()
    r, angle = rng.uniform(0.02, 0.14, 20_000), rng.uniform(-0.6, 0.6, 20_000)
    points = r * np.sin(angle), r * np.cos(angle), rng.standard_normal(20_000)
    here, there = (SectorOperator(acq, device=d, progress=False)(*points) for d in ("cpu", "cuda"))
    assert np.linalg.norm(there - here) < 1e-4 * np.linalg.norm(here)


@pytest.mark.parametrize("name", registry.NETWORKS)
def test_networks_track_alike(data, name):
    torch.manual_seed(0)
    network = registry.network(name).eval()
    seq, found = data[0], []
    for device in ("cpu", "cuda"):
        network = network.to(device)
        film = torch.from_numpy(seq.video).to(device).float() / 255
        points = torch.from_numpy(seq.tracks[0]).to(device)
        with torch.inference_mode(), torch.backends.cudnn.flags(allow_tf32=False):
            found.append(network(film, points, 0, seq.grid.to(device)).points.cpu())
    assert (found[0] - found[1]).abs().max() < 0.05  # pixels


@pytest.mark.parametrize("clips", [1, 2])  # one a step learns in mixed precision
@pytest.mark.parametrize("name", registry.NETWORKS)
def test_networks_train_and_a_finished_run_is_known(data, tmp_path, name, clips):
    torch.manual_seed(0)
    network = registry.network(name).cuda()
    budget = Budget(4, Clip(6, 9), None, True, batch=clips, validate_every=2, validation=1)
    best = train(network, data, data[1:], tmp_path, budget, progress=False)
    assert np.isfinite(best)
    assert training.finished(network, tmp_path, budget, 0, {}) == best


def test_losses_are_those_of_the_cpu(data, monkeypatch):
    monkeypatch.setattr(torch, "rand_like", torch.zeros_like)
    for name in registry.NETWORKS:
        torch.manual_seed(0)
        network = registry.network(name)
        sample = samples.batch(data, Clip(6, 9), np.random.default_rng(0), network.start == "es")
        here = training._at_once(network.loss, sample).item()
        there = samples.Sample(*(v.cuda() if torch.is_tensor(v) else v for v in sample))
        assert training._at_once(network.cuda().loss, there).item() == pytest.approx(here, rel=1e-2)
