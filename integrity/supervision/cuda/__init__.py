"""The supervised protocol on a CUDA device."""
