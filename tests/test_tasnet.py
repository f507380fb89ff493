"""TAS-Net: what each of its three changes to CoTracker does, and what it learns."""

from itertools import product

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from test_cotracker import TINY, calm, film

from tas_lib.errors import InputError
from tas_lib.golden import published_losses
from tas_lib.trackers import losses, registry
from tas_lib.trackers.cotracker import PAPER
from tas_lib.trackers.losses import matching_error, path_error, visibility_error
from tas_lib.trackers.tasnet import OFF, PRESETS, SWITCHES, TASNet
from tas_lib.trackers.tracker import Sample, mesh_grid


def network(seed=0, sizes=TINY, **switches):
    """Untrained, with points that move and a mesh embedding of the size of features."""
    torch.manual_seed(seed)
    net = TASNet(sizes, **switches)
    with torch.no_grad():
        net.cotracker.updateformer.flow_head.weight[:2] *= 50
    calm(net.cotracker)
    if net.psi is not None:
        torch.nn.init.normal_(net.psi[-1].weight)
    return net


def sample(frames=8, frame=3, side=64):
    """A texture that drifts by (0.5, 0.25) px a frame, with points on it and their correlation."""
    t = torch.arange(frames)[:, None]
    drift = t * torch.tensor([0.5, 0.25])
    row, column = torch.meshgrid(torch.arange(side), torch.arange(side), indexing="ij")
    where = torch.stack((column, row), -1) - drift[:, None, None]
    picture = film(1, side + 32).expand(frames, -1, -1, -1)
    video = F.grid_sample(picture, 2 * (where + 16) / (side + 31) - 1, align_corners=True)[:, 0]
    grid = mesh_grid(3, 2)
    tracks = 16 + 30 * grid.flip(1) + drift[:, None]
    return Sample(video, tracks, frame, grid, 1 - 0.1 * (t - frame).abs().expand(-1, 6))


def predict(net, s, **changes):
    s = s._replace(**changes)
    with torch.no_grad():
        return net(s.video, s.tracks[s.frame], s.frame, s.grid)


def test_presets_are_cotracker_s_and_a_perceptron():
    with torch.device("meta"):
        net = TASNet(PRESETS["paper"])
    psi = sum(p.numel() for p in net.psi.parameters())
    assert psi == 3 * 32 + 33 * 64 + 65 * 128 + 129 * 128
    assert sum(p.numel() for p in net.parameters()) == 24_149_859 + psi
    assert PRESETS["paper"] == PAPER
    assert 0.7e6 < sum(p.numel() for p in TASNet(PRESETS["small"]).parameters()) < 1e6


@pytest.mark.parametrize("switches", list(product([False, True], repeat=3)))
def test_all_combinations_of_switches_follow_and_learn(switches):
    net = network(**dict(zip(OFF, switches, strict=True)))
    s = sample(10, 4 if switches[0] else 0)
    points, visibility = predict(net, s)
    assert points.shape == (10, 6, 2) and visibility.shape == (10, 6)
    assert points.isfinite().all() and ((visibility > 0) & (visibility < 1)).all()
    assert torch.equal(points[s.frame], s.tracks[s.frame])
    net.loss(s).backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in net.parameters())
    assert net.start == ("es" if switches[0] else "first")


def test_without_its_changes_it_is_cotracker():
    net, s = network(**OFF), sample(12, 0)
    found = predict(net, s)
    with torch.no_grad():
        start = torch.zeros(6, dtype=torch.long)
        tracks, seen = net.cotracker(s.video[:, None], start, s.tracks[0])
    torch.testing.assert_close(found.points[1:], tracks[1:])
    torch.testing.assert_close(found.visibility, seen)
    with pytest.raises(InputError, match="frame: 3 is not the first"):
        predict(net, s, frame=3)


def test_each_change_can_be_had_by_name():
    made = registry.network("cotracker+bidirectional+mesh_embedding")
    assert made.switches == {
        **OFF,
        "bidirectional": True,
        "mesh_embedding": True,
        "official": False,
    }
    assert (
        registry.network("cotracker+" + "+".join(SWITCHES)).switches
        == registry.network("tasnet").switches
    )
    with pytest.raises(InputError, match="name: 'cotracker.waves' is unknown; .* cotracker. of"):
        registry.network("cotracker+waves")
    with pytest.raises(InputError, match="name: 'myotracker.mesh_embedding' is unknown"):
        registry.network("myotracker+mesh_embedding")


def test_a_grey_film_is_seen_in_all_colours():
    sizes = TINY.__class__(3, 8, (8, 12, 16, 16), 16, 16, 16, 2, 2, 2)
    net, s = network(sizes=sizes, **OFF), sample(8, 0)
    with torch.no_grad():
        colour = s.video[:, None].expand(-1, 3, -1, -1)
        tracks, _ = net.cotracker(colour, torch.zeros(6, dtype=torch.long), s.tracks[0])
    torch.testing.assert_close(predict(net, s).points[1:], tracks[1:])


@pytest.mark.parametrize("frames, frame", [(14, 5), (9, 0), (9, 8), (5, 3), (2, 1)])
def test_the_film_run_backwards_gives_the_same_tracks_backwards(frames, frame):
    net, s = network(), sample(frames, frame)
    forth = predict(net, s)
    back = predict(net, s, video=s.video.flip(0), tracks=s.tracks.flip(0), frame=frames - 1 - frame)
    assert (forth.points - forth.points[frame]).abs().max() > 0.1
    torch.testing.assert_close(back.points.flip(0), forth.points, atol=1e-3, rtol=0)
    torch.testing.assert_close(back.visibility.flip(0), forth.visibility, atol=1e-4, rtol=0)


def test_each_direction_sees_its_own_frames_alone():
    net, s = network(), sample(14, 6)
    video = s.video.clone()
    video[:6] = film(6)[:, 0]
    one, other = predict(net, s).points, predict(net, s, video=video).points
    torch.testing.assert_close(one[6:], other[6:], atol=1e-4, rtol=0)
    assert (one[:6] - other[:6]).abs().max() > 0.01


def test_published_weights_start_without_the_mesh_embedding():
    torch.manual_seed(0)
    net, s = TASNet(TINY, official=True), sample()
    calm(net.cotracker)
    assert torch.equal(predict(net, s).points, predict(net, s, grid=1 - s.grid).points)


def test_the_mesh_embedding_works_at_any_resolution():
    net, s = network(), sample()
    assert (predict(net, s).points - predict(net, s, grid=1 - s.grid).points).abs().max() > 1e-4
    for shape in ((2, 2), (9, 4), (36, 5)):
        grid = mesh_grid(*shape)
        tracks = (16 + 30 * grid.flip(1)).expand(8, -1, -1)
        found = predict(net, s, grid=grid, tracks=tracks).points
        assert found.shape == (8, len(grid), 2) and found.isfinite().all()


def test_the_mesh_embedding_is_a_function_of_the_coordinates():
    """The corners of a coarse mesh are those of a fine one."""
    net = network()
    coarse, fine = net.psi(mesh_grid(3, 2)), net.psi(mesh_grid(5, 3))
    nodes = [3 * (2 * i) + 2 * j for i in range(3) for j in range(2)]
    torch.testing.assert_close(coarse, fine[nodes])


def test_points_come_in_any_order():
    net, s = network(), sample(12, 5)
    order = torch.tensor([4, 2, 0, 5, 1, 3])
    found = predict(net, s, tracks=s.tracks[:, order], grid=s.grid[order]).points
    torch.testing.assert_close(found, predict(net, s).points[:, order], atol=1e-3, rtol=0)


def seeded_loss(net, s):
    """Where matching is looked for is drawn."""
    torch.manual_seed(0)
    return net.loss(s)


def test_visibility_is_the_correlation_or_whether_it_is_high():
    s = sample()
    low, lower = (s._replace(correlation=torch.full((8, 6), c)) for c in (-0.1, -0.9))
    high, higher = (s._replace(correlation=torch.full((8, 6), c)) for c in (0.6, 0.9))
    continuous, binary = network(), network(continuous_visibility=False)
    with torch.no_grad():
        a, b, c, d = (seeded_loss(continuous, x).item() for x in (low, lower, high, higher))
        assert a == b and len({b, c, d}) == 3  # nothing is less alike than unrelated speckle
        a, b, c, d = (seeded_loss(binary, x).item() for x in (low, lower, high, higher))
        assert a == b != c == d


def test_the_loss_is_that_of_the_windows():
    """Of a network that leaves all points where they are given and is sure of nothing."""
    net, s = network(), sample(9, 4)
    for parameter in (net.cotracker.updateformer.flow_head, net.cotracker.vis_predictor[0]):
        torch.nn.init.zeros_(parameter.weight)
        torch.nn.init.zeros_(parameter.bias)
    weights = sum(0.8**k for k in range(4)) / 4
    errors = []
    for frames in (range(4, 9), range(4, -1, -1)):
        paths = (s.tracks[frames] - s.tracks[4]).abs().mean()
        errors.append(weights * paths + 10 * ((s.correlation[frames] - 0.5) ** 2).mean())
    loss = seeded_loss(net, s)
    torch.manual_seed(0)
    matching = matching_error(net.cotracker.encode(s.video[:, None]), s.tracks / 4, 4)
    torch.testing.assert_close(loss, torch.stack(errors).mean() + matching)


def test_without_its_changes_it_learns_as_cotracker_does():
    net, s = network(**OFF), sample(12, 0)
    net.cotracker.vis_predictor[0].weight.data.mul_(30)  # sure, and often wrong
    ((_, windows),) = net._runs(net.cotracker.encode(s.video[:, None]), s.tracks[0], 0, s.grid)
    path, seen = published_losses(windows, s.tracks, s.correlation > 0.5, torch.ones(12, 6))
    torch.manual_seed(0)
    expected = (path + 10 * seen) * 6 / len(windows) + net.matching(s)
    torch.testing.assert_close(seeded_loss(net, s), expected)


def test_matching_knows_a_node_by_its_feature(monkeypatch):
    maps = torch.eye(256).reshape(1, 256, 16, 16).expand(3, -1, -1, -1)  # a feature a node
    points = torch.tensor([[6.0, 5.0], [9.0, 8.0]]).expand(3, -1, -1)
    alike = matching_error(torch.ones(3, 8, 16, 16), points, 0)
    assert alike.item() == pytest.approx(np.log(49), rel=1e-5)
    monkeypatch.setattr(losses, "AWAY", 0.0)
    assert matching_error(30 * maps, points, 1) < 1e-3
    elsewhere = points + torch.tensor([[[0.0]], [[0.0]], [[1.0]]])
    assert matching_error(30 * maps, elsewhere, 1) > 10


@pytest.mark.parametrize("official", [False, True])
def test_features_have_one_length_unless_they_are_the_published_ones(official):
    net = network(official=official).cotracker
    maps = net.encode(sample().video[:, None])
    correlation = (maps**2).sum(1) / maps.shape[1] ** 0.5
    assert (torch.allclose(correlation, torch.tensor(10.0), rtol=1e-4)) != official


def test_path_and_visibility_errors_by_hand():
    tracks = torch.zeros(2, 3, 2)
    path = torch.stack((torch.full((2, 3, 2), 2.0), torch.ones(2, 3, 2)))
    assert path_error(path, tracks).item() == pytest.approx((0.8 * 2 + 1) / 2, rel=1e-5)
    valid = torch.tensor([[1.0, 0, 0], [0, 0, 0]])
    path[:, 1:] = 99
    assert path_error(path, tracks, valid).item() == pytest.approx((0.8 * 2 + 1) / 2, rel=1e-5)
    score, seen = torch.tensor([[2.0, -1.0]]), torch.tensor([[True, False]])
    expected = F.softplus(torch.tensor(-2.0)) + F.softplus(torch.tensor(-1.0))
    assert visibility_error(score, seen).item() == pytest.approx(expected.item(), rel=1e-5)
    many = visibility_error(score.repeat(1, 5), seen.repeat(1, 5))  # as many hidden as seen
    assert many.item() == pytest.approx(expected.item(), rel=1e-5)


def test_early_stop_ends_where_nothing_moves(monkeypatch):
    net, s = network(), sample(14, 5)
    torch.nn.init.zeros_(net.cotracker.updateformer.flow_head.weight)
    calls, update = [], net.cotracker.updateformer.forward
    monkeypatch.setattr(
        net.cotracker.updateformer, "forward", lambda x: (calls.append(1), update(x))[1]
    )
    full = predict(net, s).points
    assert len(calls) == 4 * 3  # a window backwards, two forwards
    calls.clear()
    net.tolerance = 0.05
    assert (predict(net, s).points - full).abs().max() < 0.05 and len(calls) == 3
    calls.clear()
    net.loss(s)
    assert len(calls) == 4 * 3


def test_it_learns_a_drift():
    net, s = network(), sample(8, 0)
    optimiser = torch.optim.Adam(net.parameters(), 3e-3)
    for _ in range(100):
        optimiser.zero_grad()
        net.loss(s).backward()
        torch.nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        optimiser.step()
    error = (predict(net, s).points - s.tracks).abs().mean()
    assert error < 0.5 * (s.tracks[s.frame] - s.tracks).abs().mean()
