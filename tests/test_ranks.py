"""Two processes train one network: as one whose gradient is the mean of theirs."""

import csv
import os
import subprocess
import sys

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from test_learning import folder  # noqa: F401
from torch import Tensor, nn

from tas_lib import ranks, samples
from tas_lib.learning import split
from tas_lib.samples import Clip, load
from tas_lib.trackers import registry

RUN = """
import sys
from tas_lib import learning
from tas_lib.samples import Clip
from tas_lib.training import Budget
learning.ROOM = 20e-3
budget = Budget(1, Clip(3, 6), 1e-3, clip_norm=1e9, validate_every=1, validation=1)
learning.learn("myotracker", sys.argv[1], sys.argv[2], budget, progress=False)
"""


def test_who_is_alone_is_left_alone():
    net = nn.Linear(2, 1)
    net.weight.grad = torch.ones(1, 2)
    with ranks.together("cpu") as device:
        ranks.average_gradients(net)
    assert device == "cpu" and (ranks.rank(), ranks.size()) == (0, 1)
    assert net.weight.grad.eq(1).all() and net.bias.grad is None


@pytest.mark.weekly
@pytest.mark.slow
def test_two_processes_step_along_the_mean_of_their_gradients(folder, tmp_path):  # noqa: F811
    (tmp_path / "run.py").write_text(RUN)
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2"]
    words = [*torchrun, "--standalone", tmp_path / "run.py", folder, tmp_path / "run"]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    done = subprocess.run(words, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
    with (tmp_path / "run" / "log.csv").open() as file:
        assert [row["step"] for row in csv.DictReader(file)] == ["1"]  # one of them writes

    torch.manual_seed(0)
    net = registry.network("myotracker").train()
    (sequence,) = [load(path, registry.PIXEL, 20e-3) for path in split(folder)[0]]
    gradients = []
    for who in (0, 1):
        rng = np.random.default_rng([0, 0, who])
        torch.manual_seed(int(rng.integers(2**62)))
        rng.integers(1)  # which sequence
        net.zero_grad()
        net.loss(samples.draw(sequence, Clip(3, 6), rng)).backward()
        gradients.append(_joined({name: p.grad for name, p in net.named_parameters()}))
    moments = load_file(tmp_path / "run" / "last.safetensors")
    first = {name: moments[f"exp_avg.{name}"] for name, _ in net.named_parameters()}
    step = 10 * _joined(first)  # Adam's first moment is a tenth of the first gradient
    assert _apart(step, sum(gradients) / 2) < 1e-3
    assert all(_apart(step, one) > 0.1 for one in gradients)


def _joined(tensors: dict[str, Tensor]) -> Tensor:
    return torch.cat([tensor.flatten() for tensor in tensors.values()])


def _apart(a: Tensor, b: Tensor) -> float:
    return float((a - b).norm() / b.norm())
