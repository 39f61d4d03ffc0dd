"""Offsets in bytes of the words of 32 bits in a device gate's memory: what each holds is the number
of the last call that got so far.

The first three are in the device's memory, a cache line each; `DONE` alone is in a page of the
host's: a stream of the supervisor's that waited for it on the device would hold up the worker's.
"""

GATE, PRELUDE, PREPARED = 0, 128, 256
DONE = 0
