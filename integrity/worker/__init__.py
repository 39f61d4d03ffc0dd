"""The sandboxed side: the only code that ever runs a submission."""
