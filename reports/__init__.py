"""Verdicts as text, JSON, SARIF and markdown."""
