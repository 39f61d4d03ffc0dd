"""The generator: an audited search for faster kernels. See docs/search.md."""
