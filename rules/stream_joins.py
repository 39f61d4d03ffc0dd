"""Which streams that C++ creates are waited for, each on its own."""

from __future__ import annotations

from collections.abc import Iterator

from integrity.rules.device_facts import DeviceCall, DeviceCode, DeviceFunction, Slice
from integrity.rules.device_text import identifiers
from integrity.rules.holders import Holders, root

CREATED = {
    "cudaStreamCreate",
    "cudaStreamCreateWithFlags",
    "cudaStreamCreateWithPriority",
    "cuStreamCreate",
    "cuStreamCreateWithPriority",
    "getStreamFromPool",
    "hipStreamCreate",
    "hipStreamCreateWithFlags",
    "hipStreamCreateWithPriority",
}
DEVICE_JOINS = {
    "cudaDeviceSynchronize",
    "cudaThreadSynchronize",
    "hipDeviceSynchronize",
    "cuCtxSynchronize",
    "device_synchronize",
    "torch::cuda::synchronize",
}
STREAM_JOINS = {
    "cudaStreamSynchronize",
    "cuStreamSynchronize",
    "hipStreamSynchronize",
    "stream_synchronize",
    "cudaStreamQuery",
    "synchronize",
}
RECORDS = {"cudaEventRecord", "cudaEventRecordWithFlags", "cuEventRecord", "hipEventRecord"}
WAITS = {
    "cudaStreamWaitEvent",
    "cuStreamWaitEvent",
    "hipStreamWaitEvent",
    "cudaEventSynchronize",
    "cuEventSynchronize",
    "hipEventSynchronize",
    "cudaEventQuery",
    "cudaEventElapsedTime",
}
CAPTURES = {
    "cudaStreamBeginCapture",
    "cudaStreamEndCapture",
    "cudaStreamBeginCaptureToGraph",
    "cuStreamBeginCapture",
    "hipStreamBeginCapture",
    "capture_begin",
}
NO_WORK = {
    "cudaStreamDestroy",
    "cuStreamDestroy",
    "hipStreamDestroy",
    "cudaStreamGetPriority",
    "cudaStreamGetFlags",
    "cudaStreamGetDevice",
    "cudaStreamIsCapturing",
    "cudaStreamSetAttribute",
    "recordStream",
    "record_stream",
    "cudaFree",
    "free",
    "make_unique",
    "make_shared",
    "printf",
    "fprintf",
    "move",
}


class SideStreams:
    """Streams that the submission's C++ creates and uses."""

    def __init__(self, code: DeviceCode, called: frozenset[str]) -> None:
        self.code = code
        self.called = called
        """Names that Python calls: what it calls after the launch may be the join."""

    def unjoined(self) -> Iterator[DeviceCall]:
        """Creations of streams that no caller's stream waits for."""
        created = [c for c in self.code.calls_to(CREATED) if not c.in_macro and self._is_run(c)]
        for call in created[:32]:
            holders = Holders(self.code, call.function, self._created_name(call))
            if not self._is_joined(holders, call.last == "getStreamFromPool"):
                yield call

    def _is_run(self, call: DeviceCall) -> bool:
        """Not a prototype with defaults, which the parser takes for a call."""
        return call.function is not None or any(
            line.holds(call) and "=" in line.text.partition(call.last)[0]
            for line in self.code.statics
        )

    def _created_name(self, call: DeviceCall) -> str:
        if call.last != "getStreamFromPool":
            return _target(call.argument(0))
        lines = call.function.declarations if call.function else self.code.statics
        for line in lines:
            if line.holds(call) and line.names:
                return line.names[0]
        made = call.function.assignments if call.function else []
        return next((_target(a.left) for a in made if a.holds(call)), "getStreamFromPool")

    def _is_joined(self, holders: Holders, is_pooled: bool) -> bool:
        uses = list(self._uses(holders))
        joins = list(self._joins(holders))
        if self._is_captured(holders) and not any(_is_graph_launch(use) for use in uses):
            return True
        if not uses:
            return is_pooled or bool(joins)  # a pool's stream costs nothing until it is used
        return all(self._joins_use(use, joins) for use in uses)

    def _uses(self, holders: Holders) -> Iterator[DeviceCall | Slice]:
        for launch in self.code.launches:
            if holders.mentioned(launch.stream, launch.function):
                yield launch
        known = CREATED | STREAM_JOINS | RECORDS | WAITS | CAPTURES | NO_WORK
        for call in self.code.calls:
            if call.in_macro or call.last in known or call.last in self.code.by_name:
                continue
            if any(holders.is_root(given, call.function) for given in call.given[:12]):
                yield call
        for line in self.code.declarations:
            if "StreamGuard" in line.text[:60] and holders.mentioned(line.text, line.function):
                yield line

    def _joins(self, holders: Holders) -> Iterator[DeviceCall]:
        yield from self.code.calls_to(DEVICE_JOINS)
        for call in self.code.calls_to(STREAM_JOINS):
            named = call.arguments if call.argument(0) else call.receiver
            if holders.mentioned(named, call.function):
                yield call
        events = self._events(holders)
        for call in self.code.calls_to(WAITS | {"block", "synchronize", "wait"}):
            named = call.receiver if call.last in {"block", "synchronize", "wait"} else ""
            words = set(identifiers(named or call.arguments))
            waiting = call.last.endswith("WaitEvent") or call.last == "block"
            waits_itself = waiting and holders.mentioned(call.argument(0), call.function)
            if words & events and not waits_itself:
                yield call

    def _events(self, holders: Holders) -> set[str]:
        """Names of events that are recorded on the stream."""
        found = set[str]()
        for call in self.code.calls_to(RECORDS):
            if holders.mentioned(call.argument(1), call.function):
                found.add(_target(call.argument(0)))
        for call in self.code.calls_to({"record"}):
            if holders.mentioned(call.arguments, call.function):
                found.add(_target(call.receiver))
        return found - {""}

    def _is_captured(self, holders: Holders) -> bool:
        return any(
            holders.mentioned(call.arguments, call.function)
            for call in self.code.calls_to(CAPTURES)
        )

    def _joins_use(self, use: Slice, joins: list[DeviceCall]) -> bool:
        """Whether a join follows the use in its function, or stands in one that works with it."""
        function: DeviceFunction | None = getattr(use, "function", None)
        for join in joins:
            if join.in_macro:
                return True
            if join.function is function:
                loops = (loop for loop in self.code.loops if loop.holds(use))
                if join.start > use.start or any(loop.holds(join) for loop in loops):
                    return True
            elif (
                join.function is None
                or function is None
                or self._works_with(join.function, function)
            ):
                return True
        return False

    def _works_with(self, one: DeviceFunction, other: DeviceFunction) -> bool:
        """Whether one calls the other, a third calls both, or Python calls the one."""
        if one.name in self.called:
            return True
        reached = self._reached(one), self._reached(other)
        if other.name in reached[0] or one.name in reached[1]:
            return True
        return any({one.name, other.name} <= self._reached(f) for f in self.code.functions[:200])

    def _reached(self, function: DeviceFunction) -> frozenset[str]:
        found, pending = {function.name}, [function]
        for _ in range(64):
            if not pending:
                break
            for call in pending.pop().calls:
                for callee in self.code.by_name.get(call.last, ()):
                    if callee.name not in found:
                        found.add(callee.name)
                        pending.append(callee)
        return frozenset(found - {function.name})


def _is_graph_launch(use: Slice) -> bool:
    return isinstance(use, DeviceCall) and use.last in {"cudaGraphLaunch", "cuGraphLaunch"}


def _target(expression: str) -> str:
    """The variable or member that `&ctx->stream` fills."""
    words = identifiers(expression.partition("[")[0])
    return words[-1] if words else root(expression)
