"""Adapters from harness formats to a `Task`."""
