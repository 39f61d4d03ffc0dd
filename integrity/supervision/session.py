"""One worker behind its gate: one turn is one call, from arming it to the second snapshot."""

import contextlib
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from integrity.device_trace import DeviceTrace
from integrity.run import Call, Death, Observed, Reported, Role
from integrity.supervision import recording, tracing
from integrity.supervision.backend import Device, Subject
from integrity.supervision.buffers import Buffers
from integrity.supervision.endings import WorkerDied, WorkerRaised, timed_out
from integrity.supervision.memory import Block, Bytes, as_layouts
from integrity.supervision.oracle import Oracle
from integrity.supervision.whereabouts import Unreadable
from integrity.supervision.workers import Worker
from integrity.trace import Trace

_SETTLE_US = (200, 800)
_LOAD_PATIENCE_S = 90.0
_HEAR_S = 1.0
_TRACE_S = 10.0
_OWN_PROCESSES = 2
"""Below the keeper: init and the worker."""


class Ended(Exception):
    """The worker will make no more calls; `death` says why."""

    def __init__(self, death: Death, lost: bool = False) -> None:
        super().__init__(death.how)
        self.death = death
        self.lost = lost
        """It took the supervisor's device with it."""


@dataclass(frozen=True, slots=True)
class Turn:
    """What one call left behind, not yet compared with the reference."""

    outputs: list[list[Bytes]]
    """First snapshot: the tensors of each call in the window."""

    observed: Observed
    reported: Reported


class Session:
    """A role's worker with its memory mapped. Frozen whenever it is not its turn."""

    def __init__(
        self,
        role: Role,
        worker: Worker,
        device: Device,
        oracle: Oracle,
        slots: int,
        read_only: bool,
    ) -> None:
        self.role = role
        self._device = device
        self.worker = worker
        self._tree = worker.tree
        self._gate = device.gate()
        self._spec = oracle.spec
        self._read_only = read_only
        self._dtypes = (
            [tensor.dtype for tensor in oracle.inputs],
            [str(layout["dtype"]) for layout in oracle.weights.values()],
        )
        self._layouts = (oracle.inputs, oracle.outputs, slots)
        self._allocate()
        self._number = 0
        self._heard: list[dict[str, Any]] = []
        self._canaries: Sequence[int] = ()

    def _allocate(self) -> None:
        inputs, outputs, slots = self._layouts
        self._inputs = Buffers(self._device, inputs, slots)
        self._outputs = self._device.outputs(self.worker.pid, outputs, slots, self._inputs.block)

    def order(self, message: dict[str, Any], descriptors: Sequence[int]) -> None:
        """Tell it what to load. It does so while others do.

        Raises:
            Ended: it is dead.
        """
        self._canaries = message.get("canaries", ())
        try:
            self.worker.tell(message, descriptors)
        except WorkerDied as death:
            raise Ended(self._death(None, death)) from death

    def load(self, timeout_s: float) -> None:
        """Wait until it has loaded that, map the memory, and freeze it.

        Raises:
            Ended: the source raises, never returns, or ends the process.
        """
        try:
            self.worker.hear(timeout_s)
            self._map()
        except WorkerRaised as error:
            self.worker.end()
            raise Ended(Death(self.role, None, f"raised {error.error}")) from error
        except WorkerDied as death:
            raise Ended(self._death(None, death)) from death
        self._tree.freeze()

    def _map(self) -> None:
        descriptors = [block.descriptor for block in self._blocks()]
        reply = self.worker.ask(self._map_message(), _LOAD_PATIENCE_S, descriptors)
        self._outputs.learn(reply, [])

    def _move(self) -> None:
        """New memory for inputs and outputs. What the worker holds of the old stays its own."""
        self._give_back()
        self._allocate()
        self._tree.thaw()
        self._map()
        self._tree.freeze()

    def _map_message(self) -> dict[str, Any]:
        return {
            "do": "map",
            "spec": self._spec,
            "read_only": self._read_only,
            "sizes": [block.size_bytes for block in self._blocks()],
            "slots": [
                {"inputs": as_layouts(inputs), "outputs": as_layouts(outputs)}
                for inputs, outputs in zip(self._inputs.slots, self._outputs.slots, strict=True)
            ],
        }

    def _blocks(self) -> list[Block]:
        return [self._inputs.block, self._outputs.block, *self._gate.blocks]

    def turn(self, index: int, call: Call, raws: Sequence[list[Bytes]], timeout_s: float) -> Turn:
        """Make one call with these inputs, one list of tensors for each call in the window.

        Raises:
            Ended: the worker raised, died or did not finish.
        """
        try:
            return self._turn(call, raws, timeout_s)
        except WorkerRaised as error:
            self.worker.end()
            raise Ended(Death(self.role, index, f"raised {error.error}")) from error
        except WorkerDied as death:
            raise Ended(self._death(index, death)) from death
        except Unreadable as error:
            self.worker.end()
            raise Ended(Death(self.role, index, str(error))) from error
        except self._device.losses as loss:
            self.worker.end()
            how = f"faulted on the device: {str(loss)[:200]}"
            raise Ended(Death(self.role, index, how), lost=True) from loss

    def _turn(self, call: Call, raws: Sequence[list[Bytes]], timeout_s: float) -> Turn:
        if call.fresh_pages:
            self._move()
        used = range(call.slot, call.slot + len(raws))
        armed = self._arm(call, used, timeout_s)
        self._fill(used, raws)
        subject = Subject(self._tree, self.worker.has_spoken, self._listen, armed)
        try:
            passage = self._gate.call(self._number, subject, self._inputs, self._outputs, timeout_s)
        except Unreadable:
            self._tree.thaw()
            self.worker.hear(_HEAR_S)  # a kernel that raised has no output
            raise
        if passage is None:
            raise self._unfinished(timeout_s)
        done = self._tree.clock()
        reply = self._settle(call, timeout_s)
        processes, threads = self._tree.census()
        observed = Observed(
            elapsed_us=passage.elapsed_us,
            resume_us=passage.resume_us,
            checks=(),
            late_bytes=self._outputs.late_bytes(),
            guard_bytes=self._inputs.guard_bytes(),
            changed_inputs=self._inputs.changed_tensors(),
            cpu_us=passage.cpu_us,
            idle_cpu_us=max(0, self._tree.clock().ran_ns - done.ran_ns) / 1e3,
            children=max(0, processes - _OWN_PROCESSES),
            threads=threads,
            contended_us=passage.contended_us,
            disturbance=passage.disturbance,
            open_gate=not armed or passage.thawed,
        )
        return Turn(
            outputs=self._outputs.outputs(),
            observed=observed,
            reported=_reported(reply),
        )

    def _arm(self, call: Call, used: range, timeout_s: float) -> bool:
        """The inputs do not exist yet; idle time before the gate is spent awake.

        Whether the worker is ready behind the gate, and frozen. One that has to see its inputs
        before it can go on never says so: the gate opens for it while it runs.
        """
        self._number += 1
        self._tree.thaw()
        order = {
            "do": "call", "k": self._number, "slots": list(used), "site": call.site,
            "spin_us": call.spin_us, "ablated": call.ablated,
        }  # fmt: skip
        self.worker.tell(order)
        self._heard = []
        armed = self.worker.has_spoken(self._gate.patience(timeout_s))
        if armed:
            self._hear(1, timeout_s)
        time.sleep(call.gap_us / 1e6)
        if armed:
            self._tree.freeze()
        return armed

    def _fill(self, used: range, raws: Sequence[list[Bytes]]) -> None:
        """Poison what surrounds the inputs, and write them."""
        self._inputs.use(used)
        self._outputs.use(used)
        self._inputs.poison_guards()
        self._inputs.write(raws)

    def _settle(self, call: Call, timeout_s: float) -> dict[str, Any]:
        """Let it say what it has to say, and give late writers time to betray themselves."""
        self._tree.thaw()
        self._hear(2, timeout_s)
        time.sleep((random.uniform(*_SETTLE_US) + call.gap_us) / 1e6)
        self._tree.freeze()
        return self._heard[1]

    def _listen(self) -> bool:
        """First it says that it is armed, then that it is done."""
        while len(self._heard) < 2 and self.worker.has_spoken():
            self._note(_HEAR_S)
        return len(self._heard) == 2

    def _hear(self, words: int, timeout_s: float) -> None:
        """Wait until it has said so much of this call."""
        until = time.monotonic() + timeout_s
        while len(self._heard) < words:
            self._note(max(until - time.monotonic(), 0.001))

    def _note(self, timeout_s: float) -> None:
        """Its next message: of the call, or of memory that it lends before it arms."""
        message, descriptors = self.worker.hear_with(timeout_s)
        self._outputs.learn(message, descriptors)
        if "lent" not in message:
            self._heard.append(message)

    def trace(self) -> Trace:
        """What its framework did, as it says; an incomplete one where it says nothing."""
        self._tree.thaw()
        try:
            return tracing.parse(self.worker.ask({"do": "trace"}, _TRACE_S), *self._dtypes)
        except (WorkerRaised, WorkerDied):
            return Trace(complete=False)

    def device_trace(self) -> DeviceTrace:
        """What its device did, as it says; an incomplete one where it says nothing."""
        self._tree.thaw()
        try:
            said = self.worker.ask({"do": "records"}, _TRACE_S)
        except (WorkerRaised, WorkerDied):
            return DeviceTrace(complete=False)
        return recording.parse(said, self._canaries[: 2 * self._number])

    def _unfinished(self, timeout_s: float) -> WorkerDied | WorkerRaised:
        if len(self._heard) == 2:
            self.worker.end()
            return WorkerDied("said that it was done before it was")
        if not self.worker.has_spoken():
            self.worker.end()
            return timed_out(timeout_s)
        try:
            self.worker.hear(_HEAR_S)
        except (WorkerDied, WorkerRaised) as error:
            return error
        self.worker.end()
        return WorkerDied("spoke before it was done")

    def _death(self, call: int | None, death: WorkerDied) -> Death:
        return Death(self.role, call, death.how, death.exit_code, death.limit_s)

    def close(self) -> None:
        """End the worker and give the memory back."""
        self.release()
        self.worker.end()
        self._gate.close()
        self._give_back()

    def release(self) -> None:
        """Open all that its device may be waiting behind."""
        self._gate.release_all()

    def _give_back(self) -> None:
        for memory in (self._inputs.block, self._outputs):
            with contextlib.suppress(BufferError):
                memory.close()


def _reported(reply: dict[str, Any]) -> Reported:
    """The worker's word, as far as it has the right form; a liar loses nothing by it."""
    elapsed, inside, aliases, threads, silenced = (
        reply.get(key) for key in ("elapsed_us", "kernel_us", "aliases", "threads", "silenced")
    )
    return Reported(
        elapsed_us=_number(elapsed),
        same_storage_as_input=tuple(a for a in aliases if type(a) is int)
        if isinstance(aliases, list)
        else (),
        threads=threads if type(threads) is int else 0,
        kernel_us=_number(inside),
        silenced=silenced if type(silenced) is int else 0,
    )


def _number(value: object) -> float:
    return float(value) if isinstance(value, (int, float)) else float("nan")
