"""Ultrasound simulation: one linear image model, a slow reference and a fast operator."""

from tas_lib.simulator.acquisition import Acquisition, Probe
from tas_lib.simulator.operator import SectorOperator
from tas_lib.simulator.reference import ReferenceOperator, simulate_reference

__all__ = ["Acquisition", "Probe", "ReferenceOperator", "SectorOperator", "simulate_reference"]
