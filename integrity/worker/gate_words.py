"""Offsets in bytes of the words of 32 bits in a device gate's memory: what each holds is the number
of the last call that got so far.

What the worker waits for is in the device's memory, and what it says is in a page of
the host's: a stream of the supervisor's that waited on the device would hold up the worker's.
"""

GATE = 0
DONE = 0
