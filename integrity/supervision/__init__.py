"""The trusted side: memory, gate, clock and checker."""
