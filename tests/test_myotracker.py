"""MyoTracker: the published table of parameters, x and y in their places, frames in any order.

The hash of names and shapes is that of the published checkpoint's table.
"""

import hashlib

import pytest
import torch
import torch.nn.functional as F

from tas_lib.errors import InputError
from tas_lib.trackers.losses import matching_error
from tas_lib.trackers.myotracker import PAPER, MyoTracker, Sizes
from tas_lib.trackers.tracker import Sample

SIZES = Sizes(side=64, depth=2), Sizes(side=64, depth=2, iterations=2)


pytestmark = pytest.mark.usefixtures("double_precision")


@pytest.fixture(params=SIZES, ids=["one pass", "iterative"])
def network(request):
    torch.manual_seed(0)
    return MyoTracker(request.param)


@pytest.fixture
def film():
    """Video (6, 72, 96) and 5 points in it."""
    torch.manual_seed(1)
    smooth = F.avg_pool2d(torch.rand(6, 1, 76, 100), 5, stride=1)[:, 0]
    return smooth, 20 + 30 * torch.rand(5, 2)


def follow(network, video, points, frame=0):
    with torch.inference_mode():
        return network(video, points, frame, None).points


def test_names_and_shapes_are_the_published_ones():
    state = MyoTracker().state_dict()
    table = [f"{name} {'x'.join(map(str, value.shape))}" for name, value in state.items()]
    assert len(table) == 154
    assert hashlib.sha256("\n".join(table).encode()).hexdigest()[:16] == "03c010ebf1f50820"
    blocks = {part: 0 for part in ("encoder", "time_blocks", "space_blocks", "input", "head")}
    for name, value in state.items():
        blocks[next(part for part in blocks if part in name)] += value.numel()
    assert list(blocks.values()) == [101_984, 100_864, 100_864, 12_608, 130]


def test_refinement_tells_two_numbers_more_and_hears_of_features():
    one, many = MyoTracker().state_dict(), MyoTracker(PAPER).state_dict()
    changed = {name: tuple(many[name].shape) for name in one if many[name].shape != one[name].shape}
    assert changed == {
        "updateformer.input_transform.weight": (64, 196 + 2),
        "updateformer.flow_head.weight": (2 + 64, 64),
        "updateformer.flow_head.bias": (2 + 64,),
    }
    assert {name.split(".")[0] for name in many.keys() - one.keys()} == {"norm", "ffeat_updater"}


@pytest.mark.parametrize("step", [(1.0, 0.0), (0.0, 1.0)])
def test_displacements_are_x_and_y_in_nodes_of_the_square(film, step):
    """4 of its 64 pixels an iteration, on 96 x 72 pixels."""
    video, points = film
    for sizes in SIZES:
        network = MyoTracker(sizes)
        network.updateformer.flow_head.weight.data.zero_()
        network.updateformer.flow_head.bias.data[:2] = torch.tensor(step)
        moved = follow(network, video, points) - points
        expected = 4 * sizes.iterations * torch.tensor(step)
        expected = expected * torch.tensor([96, 72]) / 64
        torch.testing.assert_close(moved, expected.expand_as(moved))


def test_features_are_read_at_x_y_and_not_at_the_mirror_image():
    torch.manual_seed(2)
    for sizes in SIZES:
        network, video = MyoTracker(sizes), torch.rand(3, 64, 64, requires_grad=True)
        network(video, torch.tensor([[48.0, 16.0]]), 0, None).points[1:].sum().backward()
        change = video.grad.abs()
        there, mirrored = change[:, 8:24, 40:56].sum(), change[:, 40:56, 8:24].sum()
        assert there > 2 * mirrored


def test_points_are_read_half_a_node_to_the_left_and_above(film):
    """The published sampler's doing, and the same for features and what they are compared with.

    A point on a node's (x + 1/2, y + 1/2) has that node's feature, whose product with itself is in
    the middle of the look-up.
    """
    network = MyoTracker(SIZES[0])
    video, seen = torch.rand(2, 64, 64), []
    network.updateformer.register_forward_pre_hook(lambda _, given: seen.append(given[0]))
    follow(network, video, torch.tensor([[4 * 9.5, 4 * 5.5]]))
    node = network.encoder(video[:, None])[0, :, 5, 9]
    torch.testing.assert_close(seen[0][:, 0, 32:96], node.expand(2, -1))
    torch.testing.assert_close(seen[0][0, 0, 96 + 12], node @ node / 64)


def test_the_position_is_told_in_waves(film):
    network, seen = MyoTracker(SIZES[0]), []
    network.updateformer.register_forward_pre_hook(lambda _, given: seen.append(given[0]))
    follow(network, torch.rand(2, 64, 64), torch.tensor([[10.0, 30.0]]))
    angles = [a * f for a in (2.5, 7.5) for f in range(0, 1000, 125)]
    waves = [wave for a in torch.tensor(angles) for wave in (a.sin(), a.cos())]
    torch.testing.assert_close(seen[0][1, 0, :32], torch.stack(waves))


def test_tracks_come_in_whatever_order_frames_and_points_come(network, film):
    """Only the frame whose points are given counts."""
    video, points = film
    tracks = follow(network, video, points, 2)
    frames, order = torch.tensor([3, 0, 5, 2, 1, 4]), torch.tensor([4, 2, 0, 1, 3])
    again = follow(network, video[frames], points[order], 3)
    torch.testing.assert_close(again, tracks[frames][:, order])
    assert not torch.allclose(follow(network, video, points, 0), tracks, atol=1e-3)


def test_points_help_each_other(network, film):
    video, points = film
    alone = follow(network, video, points[:1])
    assert not torch.allclose(alone, follow(network, video, points)[:, :1], atol=1e-4)


@pytest.mark.parametrize("shape", [(2, 64, 64), (1, 65, 90), (3, 300, 70)])
def test_any_film_from_the_least_on_can_be_followed(network, shape):
    found = follow(
        network, torch.rand(shape), torch.tensor([[20.0, 30.0], [0.0, 63.0]]), shape[0] - 1
    )
    assert found.shape == (shape[0], 2, 2) and found.isfinite().all()


def test_the_loss_is_of_places_and_steps_on_the_square(network, film):
    video, points = film
    tracks = points + torch.rand(6, 1, 2)
    scale = 64 / torch.tensor([96.0, 72.0])
    target = (tracks + 0.5) * scale - 0.5
    maps = network.encode(video)
    found = network.track(maps, target[4], 4)
    torch.testing.assert_close(
        follow(network, video, tracks[4], 4), (found[-1] + 0.5) / scale - 0.5
    )
    expected = 0
    for k, path in enumerate(reversed(found)):
        steps = (path[1:] - path[:-1]) - (target[1:] - target[:-1])
        expected += 0.8**k * (0.75 * (path - target).abs().mean() + 0.25 * steps.abs().mean())
    torch.manual_seed(0)
    loss = network.loss(Sample(video, tracks, 4, None, None))
    torch.manual_seed(0)
    matching = matching_error(maps, target / 4 - 0.5, 4)
    torch.testing.assert_close(loss, expected / len(found) + matching)


def test_it_learns(network):
    """A texture that moves to the right, points given midway; every parameter takes part."""
    torch.manual_seed(3)
    wide = F.avg_pool2d(torch.rand(1, 76, 88), 13, stride=1)[0]
    wide = (wide - wide.min()) / (wide.max() - wide.min())
    video = torch.stack([wide[:, 4 * t : 4 * t + 64] for t in (2, 1, 0)])
    points = 22 + 20 * torch.rand(8, 2)
    tracks = points + 4 * torch.arange(-1, 2)[:, None, None] * torch.tensor([1.0, 0.0])
    example = Sample(video, tracks, 1, None, None)
    optimiser = torch.optim.AdamW(network.parameters(), 1e-3)
    losses = []
    for _ in range(45):
        optimiser.zero_grad()
        losses.append(network.loss(example))
        losses[-1].backward()
        optimiser.step()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in network.parameters())
    assert losses[-1] < losses[0] / 3
    before, after = (follow(network, video, points, 1) - points)[[0, -1]].mean(1)
    torch.testing.assert_close(before, torch.tensor([-4.0, 0.0]), atol=1.5, rtol=0)
    torch.testing.assert_close(after, torch.tensor([4.0, 0.0]), atol=1.5, rtol=0)


@pytest.mark.parametrize("wrong", [{"heads": 5}, {"side": 0}, {"iterations": 1.5}])
def test_sizes_of_no_network_are_refused(wrong):
    with pytest.raises(InputError, match="sizes"):
        Sizes(**wrong)
