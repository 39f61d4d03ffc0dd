"""Every pattern the static detector looks for, one module each."""
