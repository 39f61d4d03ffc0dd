"""Words of 64 bits in the gate's page: calls released, calls finished, a pulse while waiting."""

GATE, DONE, BEAT = 0, 1, 2

MOST_SPREAD = 4
"""Outputs may lie spread over so many times their size; the worker gathers what is sparser."""
