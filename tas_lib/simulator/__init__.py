"""Ultrasound simulation: one linear image model, a slow reference and a fast operator."""

from tas_lib.simulator.acquisition import (
    PROBES,
    Acquisition,
    Diverging,
    Focused,
    Probe,
    uniform,
)
from tas_lib.simulator.operator import SectorOperator
from tas_lib.simulator.reference import simulate_reference

__all__ = [
    "PROBES",
    "Acquisition",
    "Diverging",
    "Focused",
    "Probe",
    "SectorOperator",
    "simulate_reference",
    "uniform",
]
