"""Labelled submissions of our own writing, and the problems they claim to solve."""
