"""Type-1 non-uniform FFT in two dimensions: FINUFFT on the CPU, PyTorch alone on a GPU.

    F(p, q) = sum_j s_j exp(-2 i pi (p u_j / U + q v_j / V))

for points (u, v) in samples of a U x V grid, U and V even, p and q in the order of FFT bins. The
inverse FFT of F is the band-limited image of the points on that grid.
"""

from __future__ import annotations

from functools import cache

import finufft
import numpy as np
import torch
from torch import Tensor

ACCURACY = 1e-4  # relative, asked of FINUFFT; `spread` has 1e-5
WIDTH = 6  # samples of the doubled grid onto which the GPU's version spreads a point
SHARPNESS = 2.3 * WIDTH  # of its kernel, exp(beta sqrt(1 - t^2)); doi 10.1137/18M120885X


def type1(u: Tensor, v: Tensor, strength: Tensor, shape: tuple[int, int]) -> Tensor:
    """F (U, V), complex64, of points u, v with strength, all (point,) tensors of one device."""
    if strength.device.type != "cpu":
        return spread(u, v, strength, shape)
    if not len(u):  # FINUFFT divides by their number
        return torch.zeros(shape, dtype=torch.complex64)
    modes = finufft.nufft2d1(
        (2 * np.pi / shape[0] * u).float().numpy(),
        (2 * np.pi / shape[1] * v).float().numpy(),
        strength.to(torch.complex64).numpy(),
        shape,
        eps=ACCURACY,
        isign=-1,
        modeord=1,
        nthreads=1,  # several add up in any order: other bits every time
    )
    return torch.as_tensor(modes)


def spread(u: Tensor, v: Tensor, strength: Tensor, shape: tuple[int, int]) -> Tensor:
    """The same with PyTorch's own means, on any device.

    Points are spread over a doubled grid with a smooth kernel, whose spectrum is divided out. The
    order of the sum is the device's: on a GPU the last bits change from run to run.
    """
    places, values = [], []
    for at, n in zip((u, v), shape, strict=True):
        at = 2 * at
        first = torch.ceil(at - WIDTH / 2)
        samples = first[:, None] + torch.arange(WIDTH, device=at.device)
        t = 2 / WIDTH * (samples - at[:, None])
        places.append(samples.long() % (2 * n))
        values.append(torch.exp(SHARPNESS * ((1 - t**2).clamp(min=0).sqrt() - 1)).float())
    index = places[0][:, :, None] * (2 * shape[1]) + places[1][:, None]
    amount = values[0][:, :, None] * values[1][:, None]
    amount = amount * strength.to(torch.complex64)[:, None, None]
    grid = torch.zeros(4 * shape[0] * shape[1], 2, device=strength.device)
    grid.index_add_(0, index.flatten(), torch.view_as_real(amount.flatten()))
    modes = torch.fft.fft2(torch.view_as_complex(grid).reshape(2 * shape[0], 2 * shape[1]))
    for axis, n in enumerate(shape):
        bins = torch.fft.fftfreq(n, 1 / n).long()
        gain = torch.as_tensor(1 / _kernel_spectrum(n), dtype=torch.float32, device=modes.device)
        modes = modes.index_select(axis, (bins % (2 * n)).to(modes.device))
        modes = modes * (gain[:, None] if axis == 0 else gain)
    return modes


@cache
def _kernel_spectrum(n: int) -> np.ndarray:
    """Spectrum of the spreading kernel at the n bins (n,), the grid having 2 n samples."""
    t, weight = np.polynomial.legendre.leggauss(64)
    kernel = np.exp(SHARPNESS * (np.sqrt(1 - t**2) - 1)) * weight * WIDTH / 2
    angle = np.pi * np.fft.fftfreq(n) * WIDTH / 2
    return np.cos(np.outer(angle, t)) @ kernel
