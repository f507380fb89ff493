"""Ultrasound simulation: one linear image model, a slow reference and a fast operator."""

from tas_lib.simulator.acquisition import (
    CLINICAL,
    PROBES,
    WIDE,
    Acquisition,
    Diverging,
    Focused,
    Probe,
    uniform,
)
from tas_lib.simulator.operator import SectorOperator, operator_of
from tas_lib.simulator.reference import simulate_reference

__all__ = [
    "CLINICAL",
    "PROBES",
    "WIDE",
    "Acquisition",
    "Diverging",
    "Focused",
    "Probe",
    "SectorOperator",
    "operator_of",
    "simulate_reference",
    "uniform",
]
