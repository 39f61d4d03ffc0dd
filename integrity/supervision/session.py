"""One worker behind its gate: one turn is one call, from arming it to the second snapshot."""

import contextlib
import random
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from integrity.run import Call, Death, Observed, Reported, Role
from integrity.supervision.backend import Backend
from integrity.supervision.memory import (
    ITEM_BYTES,
    Bytes,
    Poison,
    Tensor,
    as_layouts,
    lay_out,
    untouched_share,
)
from integrity.supervision.oracle import Oracle
from integrity.supervision.workers import Worker, WorkerDied, WorkerRaised
from integrity.tracers.process import thread_clock

_SETTLE_US = (200, 800)
_GLIMPSE_BYTES = 2048
"""Read at secret places the moment a worker says done: freezing it takes tens of microseconds,
in which a small kernel could still finish."""
_LOAD_PATIENCE_S = 90.0


class Ended(Exception):
    """The worker will make no more calls; `death` says why."""

    def __init__(self, death: Death) -> None:
        super().__init__(death.how)
        self.death = death


@dataclass(frozen=True, slots=True)
class Turn:
    """What one call left behind, not yet compared with the reference."""

    outputs: tuple[list[Bytes], ...]
    """First snapshot, for each call in the window."""

    untouched: tuple[float, ...]
    observed: Observed
    reported: Reported


@dataclass(frozen=True, slots=True)
class Slot:
    """One set of buffers."""

    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]


class Session:
    """A role's worker with its memory mapped. Frozen whenever it is not its turn."""

    def __init__(
        self, role: Role, worker: Worker, backend: Backend, oracle: Oracle, slots: int
    ) -> None:
        self.role = role
        self._worker = worker
        self._tree = worker.tree
        self._gate = backend.gate()
        self._poison = Poison()
        self._random = np.random.default_rng()
        self._slots, inputs_bytes, outputs_bytes = _place(oracle, slots)
        self._inputs = backend.block(inputs_bytes)
        self._outputs = backend.block(outputs_bytes)
        self._number = 0

    def load(self, message: dict[str, Any], descriptors: Sequence[int], timeout_s: float) -> None:
        """Load the kernel and map the memory.

        Raises:
            Ended: the source raises, never returns, or ends the process.
        """
        try:
            self._worker.ask(message, timeout_s, descriptors)
            self._worker.ask(self._map_message(), _LOAD_PATIENCE_S, self._descriptors())
        except WorkerRaised as error:
            self._worker.end()
            raise Ended(Death(self.role, None, f"raised {error.error}")) from error
        except WorkerDied as death:
            raise Ended(Death(self.role, None, death.how, death.exit_code)) from death
        self._tree.freeze()

    def _map_message(self) -> dict[str, Any]:
        return {
            "do": "map",
            "spec": self._spec,
            "inputs_bytes": self._inputs.size_bytes,
            "outputs_bytes": self._outputs.size_bytes,
            "gate_bytes": self._gate.block.size_bytes,
            "slots": [
                {"inputs": as_layouts(slot.inputs), "outputs": as_layouts(slot.outputs)}
                for slot in self._slots
            ],
        }

    def expect(self, spec: Any) -> None:
        """How the inputs nest: what the harness passes."""
        self._spec = spec

    def _descriptors(self) -> list[int]:
        return [self._inputs.descriptor, self._outputs.descriptor, self._gate.block.descriptor]

    def turn(self, index: int, call: Call, raws: Sequence[list[Bytes]], timeout_s: float) -> Turn:
        """Make one call with these inputs, one list of tensors for each call in the window.

        Raises:
            Ended: the worker raised, died or did not finish.
        """
        try:
            return self._turn(call, raws, timeout_s)
        except WorkerRaised as error:
            self._worker.end()
            raise Ended(Death(self.role, index, f"raised {error.error}")) from error
        except WorkerDied as death:
            raise Ended(Death(self.role, index, death.how, death.exit_code)) from death

    def _turn(self, call: Call, raws: Sequence[list[Bytes]], timeout_s: float) -> Turn:
        used = range(call.slot, call.slot + len(raws))
        self._arm(call, used, timeout_s)
        poison = self._fill(call, used, raws)
        places = self._random.integers(0, self._outputs.size_bytes, _GLIMPSE_BYTES)
        before = self._tree.clock()
        resume_us = self._gate.await_pulse(self._tree.thaw, timeout_s)
        own_wait_ns = _own_wait_ns()
        elapsed_us = self._gate.release(self._number, self._worker.has_spoken, timeout_s)
        own_wait_ns = _own_wait_ns() - own_wait_ns
        if elapsed_us is None:
            raise self._unfinished(timeout_s)
        glimpse = self._outputs.bytes[places]
        self._tree.freeze()
        done = self._tree.clock()
        outputs = self._snapshot()
        reply = self._settle(call, timeout_s)
        idle_ns = max(0, self._tree.clock().ran_ns - done.ran_ns)
        late = self._snapshot()
        observed = Observed(
            elapsed_us=elapsed_us,
            resume_us=resume_us,
            checks=(),
            late_bytes=_differing(glimpse, outputs[places]) + _differing(outputs, late),
            guard_bytes=self._damage(poison, outputs),
            changed_inputs=self._changed_inputs(used, raws),
            cpu_us=max(0, done.ran_ns - before.ran_ns) / 1e3,
            idle_cpu_us=idle_ns / 1e3,
            contended_us=(own_wait_ns + max(0, done.waited_ns - before.waited_ns)) / 1e3,
        )
        return Turn(
            outputs=tuple([outputs[t.place] for t in self._slots[s].outputs] for s in used),
            untouched=tuple(self._untouched(s, poison, outputs) for s in used),
            observed=observed,
            reported=_reported(reply),
        )

    def _arm(self, call: Call, used: range, timeout_s: float) -> None:
        """The inputs do not exist yet; idle time before the gate is spent awake."""
        self._number += 1
        self._tree.thaw()
        order = {"do": "call", "k": self._number, "slots": list(used), "site": call.site}
        self._worker.ask(order, timeout_s)
        time.sleep(call.gap_us / 1e6)
        self._tree.freeze()

    def _fill(self, call: Call, used: range, raws: Sequence[list[Bytes]]) -> Bytes:
        """Poison the outputs, then write the inputs, while the worker can't run."""
        self._poison.fill(self._outputs.bytes)
        poison = self._outputs.bytes.copy()
        if self._number == 1:
            self._poison.fill(self._inputs.bytes)
        for slot, raw_inputs in zip(used, raws, strict=True):
            for tensor, raw in zip(self._slots[slot].inputs, raw_inputs, strict=True):
                self._inputs.bytes[tensor.place] = raw
        self._inputs_before = self._inputs.bytes.copy()
        return poison

    def _settle(self, call: Call, timeout_s: float) -> dict[str, Any]:
        """Let it say what it has to say, and give late writers time to betray themselves."""
        self._tree.thaw()
        reply = self._worker.hear(timeout_s)
        time.sleep((random.uniform(*_SETTLE_US) + call.gap_us) / 1e6)
        if len(call.inputs) == 1:  # in a window of several, an output buffer may serve them all
            self._worker.ask({"do": "look_again"}, timeout_s)
        self._tree.freeze()
        return reply

    def _unfinished(self, timeout_s: float) -> WorkerDied | WorkerRaised:
        if not self._worker.has_spoken():
            self._worker.end()
            return WorkerDied(f"timed out after {timeout_s:.3g} s")
        try:
            self._worker.hear(1.0)
        except (WorkerDied, WorkerRaised) as error:
            return error
        self._worker.end()
        return WorkerDied("spoke before it was done")

    def _snapshot(self) -> Bytes:
        return self._outputs.bytes.copy()

    def _damage(self, poison: Bytes, after: Bytes) -> int:
        outputs = [tensor for slot in self._slots for tensor in slot.outputs]
        inputs = [tensor for slot in self._slots for tensor in slot.inputs]
        now = self._inputs.bytes
        return _outside(outputs, poison, after) + _outside(inputs, self._inputs_before, now)

    def _changed_inputs(self, used: range, raws: Sequence[list[Bytes]]) -> tuple[int, ...]:
        changed = set()
        for slot, raw_inputs in zip(used, raws, strict=True):
            for index, tensor in enumerate(self._slots[slot].inputs):
                if not np.array_equal(self._inputs.bytes[tensor.place], raw_inputs[index]):
                    changed.add(index)
        return tuple(sorted(changed))

    def _untouched(self, slot: int, poison: Bytes, after: Bytes) -> float:
        shares = [
            untouched_share(poison[t.place], after[t.place], ITEM_BYTES[t.dtype])
            for t in self._slots[slot].outputs
        ]
        return max(shares, default=0.0)

    def close(self) -> None:
        """End the worker and give the memory back."""
        self._worker.end()
        for block in (self._inputs, self._outputs, self._gate.block):
            with contextlib.suppress(BufferError):
                block.close()


def _differing(before: Bytes, after: Bytes) -> int:
    return 0 if np.array_equal(before, after) else int((before != after).sum())


def _own_wait_ns() -> int:
    return thread_clock("self", threading.get_native_id()).waited_ns


def _outside(tensors: Sequence[Tensor], before: Bytes, after: Bytes) -> int:
    """Bytes that differ in the guard bands round these tensors."""
    edges = [0, *(edge for t in tensors for edge in (t.place.start, t.place.stop)), before.size]
    gaps = zip(edges[::2], edges[1::2], strict=True)
    return sum(int((before[start:end] != after[start:end]).sum()) for start, end in gaps)


def _place(oracle: Oracle, slots: int) -> tuple[list[Slot], int, int]:
    placed, inputs_end, outputs_end = [], 0, 0
    for _ in range(slots):
        inputs, inputs_end = lay_out(oracle.inputs, inputs_end)
        outputs, outputs_end = lay_out(oracle.outputs, outputs_end)
        placed.append(Slot(inputs, outputs))
    return placed, inputs_end, outputs_end


def _reported(reply: dict[str, Any]) -> Reported:
    """The worker's word, as far as it has the right form; a liar loses nothing by it."""
    elapsed, aliases, threads = (reply.get(k) for k in ("elapsed_us", "aliases", "threads"))
    return Reported(
        elapsed_us=float(elapsed) if isinstance(elapsed, (int, float)) else float("nan"),
        same_storage_as_input=tuple(a for a in aliases if type(a) is int)
        if isinstance(aliases, list)
        else (),
        threads=threads if type(threads) is int else 0,
    )
