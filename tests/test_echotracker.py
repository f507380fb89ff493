"""EchoTracker: the published table of parameters, independent points, parts by their definition.

The hash of names and shapes is that of the published checkpoint's table.
"""

import hashlib

import pytest
import torch
import torch.nn.functional as F

from tas_lib.errors import InputError
from tas_lib.trackers import echotracker, layers
from tas_lib.trackers.echotracker import EchoTracker, Sizes
from tas_lib.trackers.layers import pyramid, sample
from tas_lib.trackers.losses import matching_error
from tas_lib.trackers.tracker import Sample

TINY = Sizes((8, 8, 12, 12), 16, 16, (10, 12), (16, 16, 16, 16, 24, 24, 24, 24))


pytestmark = pytest.mark.usefixtures("double_precision")


@pytest.fixture
def network():
    torch.manual_seed(0)
    return EchoTracker(TINY)


@pytest.fixture
def film():
    """Video (6, 72, 96) and 5 points in it."""
    torch.manual_seed(1)
    smooth = F.avg_pool2d(torch.rand(6, 1, 76, 100), 5, stride=1)[:, 0]
    return smooth, 20 + 30 * torch.rand(5, 2)


def follow(network, video, points):
    with torch.inference_mode():
        return network(video, points, 0, None).points


def test_names_and_shapes_are_the_published_ones():
    state = EchoTracker().state_dict()
    table = [f"{name} {'x'.join(map(str, value.shape))}" for name, value in state.items()]
    assert len(table) == 162
    assert hashlib.sha256("\n".join(table).encode()).hexdigest()[:16] == "a3d2ef7b82202e4f"
    parts = {name.split(".")[0]: 0 for name in state}
    for name, value in state.items():
        parts[name.split(".")[0]] += value.numel()
    assert parts == {
        "fnet": 657_904,
        "fnet_fine": 657_904,
        "delta_block_spatial": 4_293_442,
        "delta_block_temporal": 4_331_074,
        "linear": 230_888,
    }


def test_small_is_a_tenth():
    count = sum(p.numel() for p in EchoTracker(echotracker.SMALL).parameters())
    assert 0.9e6 < count < 1.1e6


@pytest.mark.parametrize("step", [(1.0, 0.0), (0.0, 1.0)])
def test_displacements_are_x_and_y_in_nodes_of_8_then_2_pixels(network, film, step):
    for block in (network.delta_block_spatial, network.delta_block_temporal):
        block.dense.weight.data.zero_()
        block.dense.bias.data = torch.tensor(step)
    video, points = film
    expected = points + (8 + 4 * 2) * torch.tensor(step)
    found = follow(network, video, points)
    torch.testing.assert_close(found, expected.expand(6, -1, -1))


def test_the_given_points_features_are_read_at_x_y(network):
    """A point's track hangs on the pixels around it, not on those of its mirror image."""
    torch.manual_seed(2)
    video = torch.rand(6, 128, 128, requires_grad=True)
    network.track(video, *network.encode(video), torch.tensor([[96.0, 32.0]]))[-1][
        1:
    ].sum().backward()
    change = video.grad.abs()
    there, mirrored = change[:, 16:48, 80:112].sum(), change[:, 80:112, 16:48].sum()
    assert there > 2 * mirrored


def test_whole_correlation_maps_are_resized_and_averaged(network, film):
    """Here they are not made; the network sees the same."""
    video, points = film
    seen = {}
    network.delta_block_spatial.register_forward_pre_hook(
        lambda _, given: seen.update(zip(("cost", "film", "motion"), given, strict=True))
    )
    follow(network, video, points)
    with torch.no_grad():
        maps = network.fnet(2 * video[:, None] - 1)
        feature = sample(maps[:1], points[None] / 8)[0]
        whole = [torch.einsum("nc,tchw->tnhw", feature, m) / 4 for m in pyramid(maps)]
    resized = [F.interpolate(w, (14, 14), mode="bilinear", align_corners=True) for w in whole]
    expected = torch.stack(resized).mean(0).flatten(2)
    torch.testing.assert_close(seen["cost"], expected)
    still = torch.tensor([0.0] * 16 + [1.0] * 16)  # sines and cosines of no motion
    torch.testing.assert_close(seen["motion"][0, :, :64], still.repeat(2).expand(5, -1))
    torch.testing.assert_close(seen["motion"][3, :, -2:], points / 8)


def test_the_fine_maps_are_compared_with_what_was_met_there_and_before(network, film):
    """In the middle of a look-up are products of features at the path, here a point that rests."""
    video, points = film
    for block in (network.delta_block_spatial, network.delta_block_temporal):
        block.dense.weight.data.zero_()
        block.dense.bias.data.zero_()
    seen = []
    network.linear.register_forward_pre_hook(lambda _, given: seen.append(given[0]))
    follow(network, video, points)
    assert len(seen) == 4
    with torch.no_grad():
        met = sample(network.fnet_fine(2 * video[:, None] - 1), (points / 2).expand(6, -1, -1))
    before = torch.tensor([[0] * 6, [0, 0, 0, 1, 2, 3], [0, 0, 0, 0, 0, 1]])  # frames
    expected = torch.stack([(met * met[frames]).sum(-1) / 16**0.5 for frames in before], dim=-1)
    for iteration in seen:
        torch.testing.assert_close(iteration[..., 24::196], expected)


def test_the_film_all_points_see_is_differences_and_the_last_frame(network, film):
    video, points = film
    seen = []
    network.delta_block_temporal.register_forward_pre_hook(lambda _, given: seen.append(given[1]))
    follow(network, video, points)
    assert len(seen) == 4
    frames = F.interpolate(2 * video[:, None] - 1, (10, 12), mode="bilinear").flatten(1)
    torch.testing.assert_close(seen[0][:, 0], frames[-1])
    torch.testing.assert_close(seen[0][:, 1:], (frames[1:] - frames[:-1]).T)


def test_the_first_convolution_sees_all_inputs_side_by_side(network):
    block = network.delta_block_temporal
    cost, film, motion = torch.rand(6, 3, 392), torch.rand(120, 6), torch.rand(6, 3, 68)
    beside = film.T[:, None].expand(-1, 3, -1)
    x = F.relu(block.first_block_conv(torch.cat((cost, beside, motion), -1).permute(1, 2, 0)))
    for layer in block.basicblock_list:
        x = layer(x)
    expected = block.dense(F.relu(x).permute(2, 0, 1))
    torch.testing.assert_close(block(cost, film, motion), expected)


def test_points_are_followed_by_themselves(network, film):
    video, points = film
    together = follow(network, video, points)
    alone = torch.cat([follow(network, video, p[None]) for p in points], dim=1)
    torch.testing.assert_close(alone, together, atol=1e-7, rtol=0)


def test_chunks_do_not_matter(network, film, monkeypatch):
    whole = follow(network, *film)
    monkeypatch.setattr(echotracker, "FRAMES", 2)
    monkeypatch.setattr(echotracker, "POINTS", 2)
    monkeypatch.setattr(layers, "PIXELS", 1)
    torch.testing.assert_close(follow(network, *film), whole, atol=1e-7, rtol=0)


@pytest.mark.parametrize("shape", [(2, 64, 64), (3, 65, 90), (1, 70, 64)])
def test_any_film_from_the_least_on_can_be_followed(network, shape):
    """A single frame too: half of a film that is cut at a frame may be one."""
    found = follow(network, torch.rand(shape), torch.tensor([[20.0, 30.0], [0.0, 63.0]]))
    assert found.shape == (shape[0], 2, 2) and found.isfinite().all()


def test_the_loss_discounts_the_error_of_each_prediction(network, film):
    video, points = film
    tracks = points.expand(6, -1, -1)
    maps = network.encode(video)
    found = network.track(video, *maps, points)
    weights = torch.tensor([0.8**4, 0.8**3, 0.64, 0.8, 1.0])
    errors = torch.stack([(f - tracks).abs().mean() for f in found])
    torch.manual_seed(0)
    loss = network.loss(Sample(video, tracks, 3, None, None))
    torch.manual_seed(0)
    matching = matching_error(maps[0], tracks / 8, 0) + matching_error(maps[1], tracks / 2, 0)
    torch.testing.assert_close(loss, (weights * errors).mean() + matching)


def test_it_learns(network):
    """Speckle that moves to the right; every parameter takes part."""
    torch.manual_seed(3)
    wide = F.avg_pool2d(torch.rand(1, 68, 83), 5, stride=1)[0]
    video = torch.stack([wide[:, 5 * t : 5 * t + 64] for t in (3, 2, 1, 0)])
    points = 16 + 20 * torch.rand(8, 2)
    tracks = points + 5 * torch.arange(4)[:, None, None] * torch.tensor([1.0, 0.0])
    example = Sample(video, tracks, 0, None, None)
    optimiser = torch.optim.AdamW(network.parameters(), 2e-3)
    losses = []
    for _ in range(20):
        optimiser.zero_grad()
        losses.append(network.loss(example))
        losses[-1].backward()
        optimiser.step()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in network.parameters())
    assert losses[-1] < losses[0] / 2
    moved = (follow(network, video, points)[-1] - points).mean(0)
    torch.testing.assert_close(moved, torch.tensor([15.0, 0.0]), atol=5, rtol=0)


def test_sizes_of_another_network_are_refused():
    with pytest.raises(InputError, match="blocks"):
        Sizes(blocks=(64, 64))
