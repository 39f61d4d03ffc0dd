"""Recorders of what a worker did. They hold no opinion."""
