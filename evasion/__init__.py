"""Rewrites of labelled submissions, to measure what a rewrite gets past the static rules."""
