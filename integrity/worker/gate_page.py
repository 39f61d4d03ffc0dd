"""Words of 64 bits in the gate's page: calls released, calls finished, a pulse while waiting."""

GATE, DONE, BEAT = 0, 1, 2
