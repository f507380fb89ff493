"""Trackers: what the paper compares, each in a file of its own, behind one interface."""
