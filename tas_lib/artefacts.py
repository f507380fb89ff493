"""What a clinical scanner adds to the echoes and how it shows them: from I/Q data to a picture.

    picture = grey(log |(1 + R) TGC (S + H) + TGC N|)

with S the echoes of the heart, fainter behind ribs, H haze that stands still, R the copy of what is
compensated already at a greater depth (reverberation), and N the noise of the electronics, which
the time-gain compensation TGC makes loud in the depth. All levels are amplitudes relative to
myocardium on the screen [dB]; a level of minus infinity switches its artefact off. Haze as loud as
tissue is common: -30 to 0 dB in vivo (Lediju et al. 2008).
"""

from __future__ import annotations

import dataclasses

import numpy as np
from scipy import fft
from scipy.interpolate import PchipInterpolator
from scipy.ndimage import gaussian_filter

from tas_lib.errors import InputError
from tas_lib.simulator import CLINICAL, Acquisition, SectorOperator, uniform
from tas_lib.simulator.display import ScanConverter
from tas_lib.simulator.exact import pulse_echo_spectrum
from tas_lib.tissue import from_decibels, random_field, slice_profile

SLIDERS = 8  # of the time-gain compensation
PATCH = 15e-3  # size of the patches of which haze consists [m]
PATCHY = 6.0  # SD of their levels [dB]: our choice


@dataclasses.dataclass(frozen=True)
class Shadow:
    """A rib before the probe: lines about `angle` are fainter by up to `loss`, both ways."""

    angle: float  # of its middle [rad]
    width: float = np.deg2rad(8.0)  # to half the loss [rad]
    loss: float = 20.0  # [dB]


@dataclasses.dataclass(frozen=True)
class Scanner:
    """How the heart is imaged and shown. Levels: our choice, near those of the default clip."""

    acquisition: Acquisition = CLINICAL
    frame_rate: float = 50.0  # [Hz]
    density: float = 3.0  # scatterers per square wavelength, weighed by the slice
    noise: float = -3.0  # at the bottom of the picture [dB]
    haze: float = -3.0  # at the probe; falls by `haze_fall` [dB]
    haze_fall: float = 350.0  # [dB/m]
    reverberation: float = -16.0  # [dB]
    reverberation_path: float = 22e-3  # from the probe to what reflects again [m]
    shadows: tuple[Shadow, ...] = ()
    tgc_error: float = 1.5  # standard deviation of its sliders [dB]
    depth: float = 150e-3  # shown [m]
    pixel: float = 0.4e-3  # [m]
    gain: float = -23.5  # of myocardium below white [dB]
    dynamic_range: float = 55.0  # black lies so far below white [dB]
    contrast: float = 2.3  # grey = level^contrast, level linear in dB
    smoothing: float = 0.35e-3  # standard deviation of the speckle filter [m]

    def __post_init__(self) -> None:
        acq = self.acquisition
        limits = {
            "frame_rate": (1, 1000, "Hz"),
            "density": (0.1, 100, "scatterers per square wavelength"),
            "noise": (-np.inf, 60, "dB"),
            "haze": (-np.inf, 60, "dB"),
            "haze_fall": (0, 1e4, "dB/m"),
            "reverberation": (-np.inf, 0, "dB"),
            "reverberation_path": (1e-3, 0.2, "metres"),
            "tgc_error": (0, 20, "dB"),
            "depth": (acq.r_min + 10e-3, acq.r_max, "metres, up to the acquisition's r_max"),
            "pixel": (0.05e-3, 2e-3, "metres"),
            "gain": (-100, 0, "dB"),
            "dynamic_range": (20, 120, "dB"),
            "contrast": (0.2, 10, "an exponent"),
            "smoothing": (0, 5e-3, "metres"),
        }
        for field, (low, high, unit) in limits.items():
            if not low <= getattr(self, field) <= high:
                remedy = f"give {unit} from {low:.4g} to {high:.4g}"
                raise InputError("scanner", field, f"is {getattr(self, field)}", remedy)
        if not all(0 < shadow.width < np.pi and 0 <= shadow.loss for shadow in self.shadows):
            problem = "have no width or a negative loss"
            raise InputError("scanner", "shadows", problem, "give radians and positive dB")


class Console:
    """One scanner's electronics and screen, with the haze and the settings of one seed."""

    def __init__(self, scanner: Scanner, operator: SectorOperator, seed: int):
        self.scanner, acq = scanner, operator.acq
        rng = np.random.default_rng([seed, 0])
        self.thickness = np.interp(acq.depth, *slice_profile(acq)[:2])  # of the slice (depth,) [m]
        loudness = operator.sensitivity[:, acq.n_lines // 2] * np.sqrt(self.thickness)
        sliders = np.linspace(acq.r_min, acq.r_max, SLIDERS)
        error = PchipInterpolator(sliders, scanner.tgc_error * rng.standard_normal(SLIDERS))
        self.tgc = from_decibels(error(acq.depth)) / loudness  # (depth,)
        self.shade = np.ones(acq.n_lines)
        for rib in scanner.shadows:
            lost = rib.loss * np.exp2(-((2 * (acq.angle - rib.angle) / rib.width) ** 4))
            self.shade *= from_decibels(-lost)
        bottom = np.searchsorted(acq.depth, scanner.depth) - 1
        self.noise = from_decibels(scanner.noise) * loudness[bottom]
        offset = (np.arange(len(acq.depth)) - len(acq.depth) // 2) / len(acq.depth)
        frequency = acq.probe.centre_frequency + offset * acq.c / (2 * acq.range_step)
        spectrum = np.abs(pulse_echo_spectrum(acq, frequency))
        self._filter = fft.ifftshift(spectrum / np.sqrt(np.mean(spectrum**2)))[:, None]
        self.haze = self._haze(operator, rng)

        edge = acq.sector / 2
        wide = round(scanner.depth * np.sin(edge) / scanner.pixel)
        self.x = scanner.pixel * np.arange(-wide, wide + 1)
        top = acq.r_min * np.cos(edge)
        self.z = np.arange(top, scanner.depth + scanner.pixel / 2, scanner.pixel)
        xx, zz = np.meshgrid(self.x, self.z)
        r = np.hypot(xx, zz)
        self.sector = (np.abs(np.arctan2(xx, zz)) <= edge) & (r >= acq.r_min) & (r <= scanner.depth)
        self._convert = ScanConverter(acq, self.z, self.x)

    def _haze(self, operator: SectorOperator, rng: np.random.Generator) -> np.ndarray:
        """Echoes (depth, line) that stand still: loud at the probe, in patches."""
        acq, level = operator.acq, self.scanner.haze
        if level == -np.inf:
            return np.zeros((len(acq.depth), acq.n_lines), np.complex64)
        per_area = self.scanner.density / acq.wavelength**2
        x, z = uniform(acq, acq.r_max, per_area, rng)
        r = np.hypot(x, z)
        patchy = PATCHY * random_field(np.stack([x, 0 * x, z], -1), PATCH, rng)
        fall = self.scanner.haze_fall * (r - acq.r_min)
        loud = from_decibels(level - fall + patchy) * np.interp(
            r, acq.depth, np.sqrt(self.thickness)
        )
        return operator(x, z, loud * rng.standard_normal(len(r)) / np.sqrt(per_area))

    def amplify(self, iq: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Echoes of the heart (depth, line) -> what is shown, before compression; myocardium 1."""
        scanner = self.scanner
        seen = self.tgc[:, None] * (iq * self.shade + self.haze)
        step = round(scanner.reverberation_path / scanner.acquisition.range_step)
        seen[step:] += from_decibels(scanner.reverberation) * seen[:-step]
        noise = rng.standard_normal((*iq.shape, 2), np.float32).view(np.complex64)[..., 0]
        noise = fft.ifft(fft.fft(noise, axis=0) * self._filter, axis=0)
        return seen + self.noise * np.sqrt(0.5) * self.tgc[:, None] * noise

    def show(self, amplified: np.ndarray) -> np.ndarray:
        """(depth, line) -> grey levels (z, x), float32 in [0, 1], black outside the sector."""
        scanner = self.scanner
        level = 20 * np.log10(np.maximum(np.abs(amplified), 1e-9)) + scanner.gain
        level = np.clip(1 + level / scanner.dynamic_range, 0, 1)
        grey = self._convert(level**scanner.contrast)
        grey = gaussian_filter(grey, scanner.smoothing / scanner.pixel)
        return np.clip(grey, 0, 1) * self.sector
