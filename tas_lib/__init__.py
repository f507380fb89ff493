"""Simulated echocardiograms with known motion, made from real ones, to train trackers."""

__version__ = "0.1.0"
