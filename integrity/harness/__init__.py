"""Adapters from harness formats to a `Task`."""

from integrity.harness.detect import HARNESSES, UNKNOWN, load_task
from integrity.harness.device import needs_gpu, runs_interpreted
from integrity.harness.harness import Harness

__all__ = ["HARNESSES", "UNKNOWN", "Harness", "load_task", "needs_gpu", "runs_interpreted"]
