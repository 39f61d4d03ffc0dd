"""Offsets in bytes of the words of 32 bits in a device gate's block: what each holds is the number
of the last call that got so far. A cache line each."""

GATE, DONE, PRELUDE, PREPARED, PING, PONG = (128 * line for line in range(6))
