"""Agreement: known differences are found, and intervals hold the truth as often as they say."""

import numpy as np
import pytest
from matplotlib.figure import Figure
from scipy import stats

from tas_lib.bland_altman import LIMIT, agreement, of_patients
from tas_lib.errors import InputError
from tas_lib.figures import draw_agreement


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def test_known_differences_are_found(rng):
    truth = rng.normal(-18, 4, 5000)
    found = agreement(truth + rng.normal(1.5, 2, 5000), truth)
    assert found.bias.value == pytest.approx(1.5, abs=0.1)
    assert found.sd.value == pytest.approx(2, rel=0.03)
    assert found.lower.value == pytest.approx(1.5 - 1.96 * 2, abs=0.15)
    assert found.upper.value == pytest.approx(1.5 + 1.96 * 2, abs=0.15)
    normal = stats.norm(1.5, 2)
    assert found.absolute == pytest.approx(normal.expect(np.abs), rel=0.03)


def test_peak_flow_by_two_meters():
    """Bland and Altman's own example (Lancet 1986, DOI 10.1016/S0140-6736(86)90837-8), first of two
    readings in l/min: bias -2.1 (-22.0 to 17.8), SD 38.8, limits -79.7 and 75.5 at two SDs.
    """
    large = [494, 395, 516, 434, 476, 557, 413, 442, 650, 433, 417, 656, 267, 478, 178, 423, 427]
    mini = [512, 430, 520, 428, 500, 600, 364, 380, 658, 445, 432, 626, 260, 477, 259, 350, 451]
    found = agreement(large, mini)
    assert found.bias == pytest.approx((-2.1, -22.0, 17.8), abs=0.06)
    assert found.sd.value == pytest.approx(38.8, abs=0.05)
    two = 2 / LIMIT
    assert found.bias.value + two * (found.lower.value - found.bias.value) == pytest.approx(
        -79.7, abs=0.1
    )
    assert found.bias.value + two * (found.upper.value - found.bias.value) == pytest.approx(
        75.5, abs=0.1
    )


def test_a_bias_that_grows_is_told_by_its_slope(rng):
    truth = rng.normal(-18, 4, 400)
    first, second = truth + rng.normal(0, 1, 400), truth + rng.normal(0, 1, 400)
    everyone = np.arange(400)
    steady = of_patients(first, second, everyone)["slope"]
    growing = of_patients(first + 0.2 * truth, second, everyone)["slope"]
    assert steady.low < 0 < steady.high
    assert growing.low > 0.1


def test_intervals_hold_the_truth_nineteen_times_of_twenty(rng):
    """Of small samples; limits by the usual formula are too narrow or too wide there."""
    inside = np.zeros(4)
    for _ in range(2000):
        found = agreement(rng.normal(1, 2, 12), np.zeros(12))
        truths = 1, 2, 1 - LIMIT * 2, 1 + LIMIT * 2
        parts = found.bias, found.sd, found.lower, found.upper
        inside += [p.low < t < p.high for p, t in zip(parts, truths, strict=True)]
    np.testing.assert_allclose(inside / 2000, 0.95, atol=0.015)


def test_views_of_one_patient_are_not_independent(rng):
    """Patients with biases of their own: pairs taken for independent are too sure of the mean."""
    own = np.repeat(rng.normal(0, 2, 30), 6)
    pairs = own + rng.normal(0, 0.5, 180), np.zeros(180)
    patient = np.repeat(np.arange(30), 6)
    alone, together = agreement(*pairs).bias, of_patients(*pairs, patient)["bias"]
    assert together.value == pytest.approx(alone.value)
    widths = [e.high - e.low for e in (together, alone)]
    assert 1.8 < widths[0] / widths[1] < 2.9  # about sqrt 6
    assert of_patients(*pairs, patient) == of_patients(*pairs, patient)


def test_intervals_of_few_patients_hold_the_truth_about_as_often(rng):
    """Twelve, six pairs each, who differ by themselves: SDs were too small without a correction."""
    inside, patient = np.zeros(3), np.repeat(np.arange(12), 6)
    sd = np.hypot(1, 1.5)
    truths = {"sd": sd, "lower": 1 - LIMIT * sd, "upper": 1 + LIMIT * sd}
    for _ in range(300):
        pairs = 1 + np.repeat(rng.normal(0, 1, 12), 6) + rng.normal(0, 1.5, 72)
        found = of_patients(pairs, np.zeros(72), patient)
        inside += [found[name].low < truth < found[name].high for name, truth in truths.items()]
    assert (inside / 300 > 0.9).all(), inside / 300


def test_a_slope_by_patient_is_that_of_all_pairs_and_less_sure(rng):
    """Patients with biases of their own in any order of strain: chance makes slopes, too."""
    strain, own = (np.repeat(rng.normal(-18, 4, 200), 3), np.repeat(rng.normal(0, 2, 200), 3))
    first, second = strain + own, strain - 0.1 * (strain + 18)
    alone = stats.linregress((first + second) / 2, first - second)
    together = of_patients(first, second, np.repeat(np.arange(200), 3))["slope"]
    assert together.value == pytest.approx(alone.slope)
    reach = LIMIT * alone.stderr
    assert together.low < alone.slope - reach and alone.slope + reach < together.high


def test_the_plot_has_bias_and_limits_of_agreement(rng):
    first, second = rng.normal(1, 2, 50), rng.normal(0, 2, 50)
    ax = Figure().subplots()
    draw_agreement(ax, first, second, color="red")
    found = agreement(first, second)
    drawn = sorted(line.get_ydata()[0] for line in ax.lines)
    expected = [number.value for number in (found.lower, found.bias, found.upper)]
    np.testing.assert_allclose(drawn, expected)
    middle = ax.collections[0].get_offsets()[:, 0]
    np.testing.assert_allclose(middle, (first + second) / 2)


@pytest.mark.parametrize(
    "first, second",
    [
        ([1, 2], [1, 2]),
        ([1, 2, 3], [1, 2]),
        ([1, 2, np.nan], [1, 2, 3]),
        ([[1, 2, 3]], [[1, 2, 3]]),
    ],
)
def test_what_cannot_be_compared_is_refused(first, second):
    with pytest.raises(InputError, match="agreement: measurements: "):
        agreement(first, second)
