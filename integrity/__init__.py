"""Proof that a claimed GPU-kernel speedup is real, correct and worth deploying."""

__version__ = "0.1.0"
