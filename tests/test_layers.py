"""Shared layers: maps are read and compared as defined, whatever the chunks."""

import dataclasses

import pytest
import torch
import torch.nn.functional as F

from tas_lib.errors import InputError
from tas_lib.trackers import layers
from tas_lib.trackers.layers import (
    Encoder,
    check_sizes,
    correlation,
    discounted,
    look_up,
    pyramid,
    sample,
)

pytestmark = pytest.mark.usefixtures("double_precision")


@pytest.fixture
def maps():
    """(3, 8, 16, 21), nodes' channels in a row as an encoder leaves them."""
    torch.manual_seed(0)
    return torch.randn(3, 16, 21, 8).permute(0, 3, 1, 2)


@pytest.fixture
def points():
    """(3, 5, 2) on the maps and up to 6 nodes beyond them."""
    torch.manual_seed(1)
    return torch.rand(3, 5, 2) * torch.tensor([33, 28]) - 6


def at(maps, where, padding):
    """PyTorch's sampler at node coordinates (T, N, P, 2) of maps (T, C, h, w) -> (T, C, N, P)."""
    size = torch.tensor([maps.shape[3], maps.shape[2]])
    return F.grid_sample(maps, 2 * where / (size - 1) - 1, padding_mode=padding, align_corners=True)


def test_sampling_is_bilinear_and_goes_on_at_the_border(maps, points):
    expected = at(maps, points[:, :, None], "border")[..., 0].mT
    torch.testing.assert_close(sample(maps, points), expected)


def test_integers_are_nodes_x_before_y(maps):
    node = torch.tensor([[[7.0, 3.0]]]).expand(3, 1, 2)
    torch.testing.assert_close(sample(maps, node)[:, 0], maps[:, :, 3, 7])


@pytest.mark.parametrize("at_once", [False, True])  # as on a GPU
def test_looking_up_is_sampling_maps_of_correlation(maps, points, at_once, monkeypatch):
    """Zero beyond them, one level after the other, all y of the first x first."""
    if at_once:
        monkeypatch.setattr(layers, "_frame_by_frame", lambda of, *all: torch.vmap(of)(*all))
    torch.manual_seed(2)
    features = torch.randn(3, 5, 2, 8)
    offset = torch.cartesian_prod(*[torch.arange(-3.0, 4)] * 2)
    expected = []
    for level, m in enumerate(pyramid(maps, 3)):
        whole = torch.einsum("tnkc,tchw->tnkhw", features, m).flatten(0, 2)[:, None]
        where = points[:, :, None, None] / 2**level + offset
        where = where.expand(-1, -1, 2, -1, -1).flatten(0, 2)[:, None]
        expected.append(at(whole, where, "zeros").view(3, 5, 2, 49))
    found = look_up(pyramid(maps, 3), features, points, 3)
    torch.testing.assert_close(found, torch.cat(expected, dim=-1))


@pytest.mark.parametrize("shift", [0.0, 0.5])
def test_correlations_are_dot_products_of_bilinear_samples(shift):
    """By definition, node after node, at a point inside, one near a border and one beyond it."""
    generator = torch.manual_seed(2)
    maps = torch.randn(2, 5, 9, 12, generator=generator)
    features = torch.randn(2, 3, 5, generator=generator)
    xy = torch.tensor([[[4.3, 3.6], [11.0, 0.2], [-1.5, 20.0]]] * 2)
    found = correlation(pyramid(maps, 2), xy, features, 1, shift)
    assert found.shape == (2, 3, 18)

    def at(m, x, y):  # (C,) between nodes of m (C, h, w), 0 beyond them
        total = torch.zeros(len(m))
        for i in (int(x // 1), int(x // 1) + 1):
            for j in (int(y // 1), int(y // 1) + 1):
                if 0 <= i < m.shape[2] and 0 <= j < m.shape[1]:
                    total += (1 - abs(x - i)) * (1 - abs(y - j)) * m[:, j, i]
        return total

    for s in range(2):
        for n in range(3):
            x, y = xy[s, n].tolist()
            expected = [
                features[s, n]
                @ at(m, x / 2**level + dx - shift, y / 2**level + dy - shift)
                / 5**0.5
                for level, m in enumerate(mm[s] for mm in pyramid(maps, 2))
                for dx in (-1, 0, 1)
                for dy in (-1, 0, 1)
            ]
            torch.testing.assert_close(found[s, n], torch.stack(expected), atol=1e-5, rtol=0)


def test_a_pyramid_keeps_the_mean_where_sizes_are_even():
    maps = torch.rand(2, 3, 16, 24)
    assert [tuple(m.shape[2:]) for m in pyramid(maps)] == [(16, 24), (8, 12), (4, 6), (2, 3)]
    for m in pyramid(maps):
        torch.testing.assert_close(m.mean((2, 3)), maps.mean((2, 3)))


@pytest.fixture
def encoder():
    torch.manual_seed(0)
    return layers.kaiming(Encoder(1, 8, (8, 12, 16, 16), 16, 8, 4))


def test_the_published_encoders_have_as_many_parameters():
    cotracker = Encoder(3, 64, (64, 96, 128, 128), 256, 128, 4)
    echotracker = Encoder(1, 32, (32, 48, 64, 64), 128, 64, 8)
    counts = [sum(p.numel() for p in e.parameters()) for e in (cotracker, echotracker)]
    assert counts == [2_632_288, 657_904]


def test_frames_are_encoded_by_themselves_however_many_at_a_time(encoder, monkeypatch):
    frames = torch.rand(5, 1, 64, 80)
    together = encoder(frames)
    assert together.shape == (5, 8, 16, 20)
    monkeypatch.setattr(layers, "PIXELS", 2 * 64 * 80)
    torch.testing.assert_close(encoder(frames), together)
    torch.testing.assert_close(encoder(frames[3:4]), together[3:4])


def test_brightness_and_contrast_of_a_frame_do_not_matter_inside(encoder):
    """Instance norms take them out, but for the zeros around the image."""
    frame = torch.rand(1, 1, 128, 128)
    change = (encoder(0.5 * frame) - encoder(frame))[..., 8:-8, 8:-8]
    assert change.abs().mean() < 0.05 * encoder(frame).std()


def test_the_last_prediction_counts_most():
    one = [torch.tensor(float(k == 2)) for k in range(3)]
    assert discounted(one) == pytest.approx(1 / 3)
    assert discounted(one[::-1]) == pytest.approx(0.64 / 3)
    assert discounted([torch.tensor(2.0)] * 3) == pytest.approx(2 * (1 + 0.8 + 0.64) / 3)


@pytest.mark.parametrize("wrong", [{"a": 0}, {"a": 2.0}, {"a": True}, {"b": (1,)}, {"b": [1, 2]}])
def test_sizes_that_are_none_are_refused(wrong):
    @dataclasses.dataclass(frozen=True)
    class Sizes:
        a: int = 1
        b: tuple[int, int] = (1, 2)

    check_sizes(Sizes(4096, (3, 4)))
    with pytest.raises(InputError, match=f"sizes: {next(iter(wrong))}: "):
        check_sizes(Sizes(**wrong))
