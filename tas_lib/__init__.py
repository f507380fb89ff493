"""Simulated echocardiograms with known motion, made from real ones, to train trackers."""

import os

# Idle threads of PyTorch and FINUFFT sleep instead of spinning: as soon as another program wants a
# core, spinning makes a simulated frame several times slower. Must stand before either is imported.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

__version__ = "0.1.0"
