"""CoTracker: the published table of parameters, look-ups by definition, and symmetries."""

import pytest
import torch
from torch import nn

from tas_lib.errors import InputError
from tas_lib.trackers import cotracker
from tas_lib.trackers.cotracker import PAPER, SMALL, CoTracker, Sizes, Start, join

TINY = Sizes(1, 8, (8, 12, 16, 16), 16, 16, 16, 2, 2, 2)


def calm(network):
    """Untrained weights whose tracks do not hang on the last bits: small steps, little flow."""
    with torch.no_grad():
        network.updateformer.input_transform.weight[:, 2 : 2 + 4 * cotracker.WAVES] *= 0.01
        network.updateformer.flow_head.weight[:2] *= 0.1
    return network.eval()


def network(official=False, seed=0, sizes=TINY):
    torch.manual_seed(seed)
    return calm(CoTracker(sizes, official))


def film(frames, side=64, seed=0):
    """A smooth moving texture (T, 1, H, W) in [0, 1]."""
    noise = torch.rand(frames, 1, side // 4, side // 4, generator=torch.manual_seed(seed))
    return nn.functional.interpolate(noise, (side, side), mode="bilinear")


def spread(count, side=64, seed=1):
    return 8 + (side - 16) * torch.rand(count, 2, generator=torch.manual_seed(seed))


@pytest.fixture(autouse=True)
def no_gradients():
    with torch.no_grad():
        yield


def test_parameters_are_the_published_ones():
    with torch.device("meta"):
        state = CoTracker().state_dict()
    assert len(state) == 150
    count = {}
    for name, value in state.items():
        part = name.partition(".")[0]
        count[part] = count.get(part, 0) + value.numel()
    assert count == {
        "fnet": 2_632_288,
        "updateformer": 21_500_674,
        "norm": 256,
        "ffeat_updater": 16_512,
        "vis_predictor": 129,
    }
    assert sum(count.values()) == 24_149_859
    names = {"fnet.conv1", "fnet.conv2", "fnet.conv3", "norm", "ffeat_updater.0", "vis_predictor.0"}
    names |= {f"fnet.layer{k}.{b}.conv{c}" for k in (1, 2, 3, 4) for b in (0, 1) for c in (1, 2)}
    names |= {f"fnet.layer{k}.0.downsample.0" for k in (2, 3, 4)}
    names |= {f"updateformer.{part}" for part in ("input_transform", "flow_head")}
    parts = ("attn.qkv", "attn.proj", "mlp.fc1", "mlp.fc2")
    kinds = ("time_blocks", "space_blocks")
    names |= {f"updateformer.{k}.{i}.{p}" for k in kinds for i in range(6) for p in parts}
    assert set(state) == {f"{name}.{kind}" for name in names for kind in ("weight", "bias")}
    shapes = {
        "fnet.conv1.weight": (64, 3, 7, 7),
        "fnet.conv2.weight": (256, 416, 3, 3),
        "fnet.layer3.0.downsample.0.weight": (128, 96, 1, 1),
        "updateformer.input_transform.weight": (384, 456),
        "updateformer.flow_head.weight": (130, 384),
        "updateformer.time_blocks.5.attn.qkv.weight": (1152, 384),
        "updateformer.space_blocks.0.mlp.fc2.weight": (384, 1536),
    }
    assert {name: tuple(state[name].shape) for name in shapes} == shapes


def test_the_small_size_is_small():
    with torch.device("meta"):
        count = sum(p.numel() for p in CoTracker(SMALL).parameters())
    assert 0.7e6 < count < 1.0e6
    assert SMALL.window == PAPER.window and SMALL.token == 392


@pytest.mark.parametrize(
    "change, field",
    [
        ({"heads": 5}, "hidden"),
        ({"space_depth": 4}, "time_depth"),
        ({"window": 7}, "window"),
        ({"latent": 127}, "token"),
        ({"stages": (64, 96, 128)}, "stages"),
        ({"stages": [64, 96, 128, 128]}, "stages"),
        ({"iterations": 0}, "iterations"),
        ({"hidden": 384.0}, "hidden"),
        ({"levels": True}, "levels"),
        ({"stem": 10**9}, "stem"),
    ],
)
def test_sizes_that_make_no_network_are_refused(change, field):
    with pytest.raises(InputError, match=f"sizes: {field}: "):
        Sizes(**change)


def test_position_tells_the_column_then_the_row():
    net, half = network(), TINY.token // 2
    found = net.position(torch.tensor([[3.0, 7.0], [2.5, 0.0], [-4.0, 99.0]]), (9, 12))
    table = cotracker.waves(12, half).float()
    torch.testing.assert_close(found[0], torch.cat((table[3], table[7])))
    torch.testing.assert_close(found[1], torch.cat(((table[2] + table[3]) / 2, table[0])))
    torch.testing.assert_close(found[2], torch.cat((table[0], table[8])))  # at the border


@pytest.mark.parametrize("official", [False, True])
def test_the_order_of_points_matters_in_the_published_layout_alone(official):
    net, video, points = network(official), film(10), spread(6)
    zero = torch.zeros(6, dtype=torch.long)
    tracks, seen = net(video, zero, points)
    order = torch.tensor([3, 1, 5, 0, 2, 4])
    shuffled, seen_shuffled = net(video, zero, points[order])
    gap = (shuffled - tracks[:, order]).abs().max()
    moved = (tracks - points).abs().max()
    assert moved > 1
    if official:
        assert gap > 0.01 * moved
    else:
        assert gap < 1e-3
        torch.testing.assert_close(seen_shuffled, seen[:, order], atol=1e-4, rtol=0)


def test_points_help_each_other():
    net, video, points = network(), film(8), spread(6)
    zero = torch.zeros(6, dtype=torch.long)
    together, _ = net(video, zero, points)
    alone, _ = net(video, zero[:1], points[:1])
    assert (together[:, :1] - alone).abs().max() > 1e-2


def test_what_comes_after_a_window_does_not_change_it():
    net, points = network(), spread(5)
    frames, video = torch.zeros(5, dtype=torch.long), film(16)
    other = torch.cat((video[:12], film(4, seed=7)))
    one, another = net(video, frames, points)[0], net(other, frames, points)[0]
    torch.testing.assert_close(one[:8], another[:8])  # windows 0..7 and 4..11 end before frame 12
    assert (one[12:] - another[12:]).abs().max() > 1e-2


def test_points_join_in_the_window_that_holds_their_frame():
    net, video = network(), film(16)
    frames, points = torch.tensor([12, 0, 5]), spread(3)
    tracks, seen = net(video, frames, points)
    assert (tracks[:8, 0] == 0).all() and (seen[:8, 0] == 0.5).all()
    assert (tracks[8:, 0] != 0).all() and (tracks[:, 1:] != 0).all()
    windows = net.slide(net.encode(video), torch.arange(16), frames.sort()[0], points[[1, 2, 0]])
    assert [w.visibility.shape[1] for w in windows] == [2, 2, 3]
    told = [w.start.mask.T.int().tolist() for w in windows]
    assert told[0] == [[1] * 8, [0] * 5 + [1] * 3]
    assert told[1] == [[0] * 4 + [1] * 4] * 2
    assert told[2] == [[0] * 4 + [1] * 4] * 3


def test_a_window_starts_from_the_last_one():
    net, points = network(), spread(4)
    maps, zero = net.encode(film(14)), torch.zeros(4, dtype=torch.long)
    first, second, third = net.slide(maps, torch.arange(14), zero, points)
    torch.testing.assert_close(4 * second.start.xy[:4], first.path[-1, 4:])
    torch.testing.assert_close(4 * second.start.xy[4:], first.path[-1, -1].expand(4, -1, -1))
    torch.testing.assert_close(second.start.visibility[:4], first.visibility[4:])
    assert third.start.mask[:, 0].tolist() == [0] * 4 + [1] * 2  # the film ends
    tracks, logits = join([first, second, third], 14)
    torch.testing.assert_close(tracks[4:8], second.path[-1, :4])
    torch.testing.assert_close(logits[8:], third.visibility[:6])


@pytest.mark.parametrize("frames", [1, 2, 4])
def test_short_films_have_one_window(frames):
    net, points = network(), spread(3)
    tracks, seen = net(film(frames), torch.zeros(3, dtype=torch.long), points)
    assert tracks.shape == (frames, 3, 2) and seen.shape == (frames, 3)
    assert (tracks != 0).all() and ((seen > 0) & (seen < 1)).all()


def test_content_shifted_by_whole_nodes_is_followed_likewise(monkeypatch):
    """With the sense of absolute place taken away, and maps that are 0 around their content.

    8 nodes are a node of the coarsest level. What is left is exact but for rounding, 1e-3 px.
    """
    net = network()
    place = torch.zeros(1, TINY.token)
    monkeypatch.setattr(net, "position", lambda xy, size: place.expand(len(xy), -1))
    maps = torch.zeros(10, TINY.latent, 64, 64)
    maps[:, :, 8:24, 16:32] = torch.randn(10, TINY.latent, 16, 16, generator=torch.manual_seed(3))
    points = 4 * (torch.tensor([18.0, 10.0]) + 12 * torch.rand(5, 2))
    zero = torch.zeros(5, dtype=torch.long)
    tracks, _ = join(net.slide(maps, torch.arange(10), zero, points), 10)
    moved = maps.roll((16, 8), (2, 3))
    shift = 4 * torch.tensor([8.0, 16.0])
    shifted, _ = join(net.slide(moved, torch.arange(10), zero, points + shift), 10)
    assert (tracks - points).abs().max() > 1
    torch.testing.assert_close(shifted, tracks + shift, atol=1e-3, rtol=0)


def test_features_go_with_the_image():
    """A black film with content away from its borders, shifted by 16 px: 4 nodes.

    Only nearly: resizing to the corners puts node i at pixel 4.05 i, and an instance norm sees the
    whole frame. Features at the content correlate by 0.998 where they should be found, by less than
    0.78 a node or more from there.
    """
    net = network(sizes=SMALL)
    video = torch.zeros(1, 1, 256, 256)
    video[..., 96:160, 96:160] = film(1)
    here = net.encode(video)[0, :, 28:36, 28:36]
    shifted = net.encode(video.roll((16, 16), (2, 3)))[0]
    there = [shifted[:, k : k + 8, k : k + 8] for k in range(28, 37)]
    alike = torch.corrcoef(torch.stack([here, *there]).flatten(1))[0, 1:]
    assert alike[4] > 0.99
    assert alike[[0, 1, 2, 3, 5, 6, 7, 8]].max() < 0.85


class Homing(nn.Module):
    """A toy transformer: each step is a quarter of the last one."""

    def __init__(self, goal):
        super().__init__()
        self.step = goal

    def forward(self, tokens):
        self.step = self.step / 4
        return nn.functional.pad(self.step.expand(*tokens.shape[:2], 2), (0, TINY.latent))


def test_a_window_stops_early_where_it_has_settled():
    """Steps 8, 2, 0.5, 0.125, 0.03 .. px: stops after 0.03 < 0.1, with 0.01 px to go."""
    net = network(sizes=Sizes(1, 8, (8, 12, 16, 16), 16, 16, 16, 2, 2, 2, iterations=12))
    maps, xy = net.encode(film(8)), (spread(3) / 4).expand(8, -1, -1)
    zeros = torch.zeros(8, 3)
    start = Start(xy, zeros, zeros, torch.zeros(3, TINY.latent), None)
    paths = []
    for tolerance in (None, 0.1):
        net.updateformer = Homing(torch.tensor([8.0, 0.0]))
        paths.append(net.refine(maps, start, tolerance)[0])
    full, short = paths
    assert len(full) == 12 and len(short) == 5
    assert 0 < (full[-1] - short[-1]).abs().max() < 0.05
    torch.testing.assert_close(full[:5], short)
