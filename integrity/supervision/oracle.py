"""The supervisor's line to the worker that runs the problem's own code."""

import hashlib
from collections.abc import Sequence
from typing import Any

from integrity.errors import CannotJudge
from integrity.harness.device import pretends_gpu
from integrity.policy import Precision
from integrity.problem import CAST, Problem
from integrity.run import Inputs
from integrity.supervision.backend import Device, must_fit
from integrity.supervision.compare import Answer, Yardstick, compare, decode
from integrity.supervision.endings import WorkerDied, WorkerRaised
from integrity.supervision.jitter import encode, is_floating, jitter, perturb
from integrity.supervision.memory import (
    ITEM_BYTES,
    BadLayout,
    Block,
    Bytes,
    Tensor,
    as_layouts,
    lay_out,
    parse_tensors,
)
from integrity.supervision.sampling import DRAWS
from integrity.supervision.workers import Zygote

Outputs = tuple[tuple[Tensor, Bytes], ...]

_REMEMBERED = 64
_REMEMBERED_BYTES = 256 * 2**20


class Oracle:
    """One problem with one set of weights: draws inputs, answers for them.

    Everything that goes wrong here is the problem's fault, not the submission's, and ends in
    `CannotJudge`.
    """

    def __init__(
        self,
        zygote: Zygote,
        device: Device,
        problem: Problem,
        precision: Precision,
        workload: int,
        secret: bytes,
    ) -> None:
        self._precision = precision
        self._device = device
        self._problem = problem
        self._secret = secret
        self._workload = problem.workloads[workload]
        self.cast = str(self._workload.get(CAST, ""))
        self._timeout_s = 60.0
        self._blocks: list[Block] = []
        self._drawn: dict[Inputs, list[Bytes]] = {}
        self._answers: dict[Inputs, Answer] = {}
        self.spec: Any = None
        self.inputs: tuple[Tensor, ...] = ()
        self.outputs: tuple[Tensor, ...] = ()
        self.changed_by_reference: tuple[int, ...] = ()
        self.wide_reference = "float64"
        self.stochastic: bool | None = None
        """Whether the reference answers equal inputs differently; None until it was asked."""

        self.init_seed = self._seed("init")
        try:
            self._worker = zygote.spawn()
        except WorkerDied as death:
            raise CannotJudge(f"the reference's worker {death.how}") from death
        self._start()

    def _seed(self, purpose: str) -> int:
        return seed_of(self._secret, purpose)

    def _start(self) -> None:
        problem = self._problem
        names = {
            "reference": problem.reference,
            "make_inputs": problem.make_inputs,
            "make_init_inputs": problem.make_init_inputs,
            "check": problem.check,
        }
        answer = self._ask(
            do="problem",
            modules=dict(problem.sources),
            pretends=pretends_gpu(problem.sources.values()),
            names=names,
            convention=problem.convention,
            workload=dict(self._workload),
            init_seed=self.init_seed,
        )
        self.init: Any = answer["init"]
        names_of_weights = list(answer["weights"])
        placed, size = lay_out(self._parse(list(answer["weights"].values())))
        self.weights = dict(zip(names_of_weights, as_layouts(placed), strict=True))
        self.weights_block: Block | None = None
        if self.weights:
            must_fit(self._device, size, "the reference's weights take")
            self.weights_block = self._device.block(size)
            self._ask_with(
                [self.weights_block.descriptor],
                do="weights",
                layouts=self.weights,
                bytes=self.weights_block.size_bytes,
            )

    def can_draw(self, wanted: Inputs) -> bool:
        """Whether there is such an input to perturb. Known after the first draw."""
        if wanted.perturb is None:
            return True
        index = wanted.perturb[0]
        return index < len(self.inputs) and is_floating(self.inputs[index])

    def inputs_for(self, wanted: Inputs) -> list[Bytes]:
        """The bytes of every input tensor, jittered and perturbed as asked."""
        if wanted not in self._drawn:
            raws = self._make_inputs(wanted)
            size = sum(raw.size for raw in raws)
            while self._drawn and size * (len(self._drawn) + 1) > _REMEMBERED_BYTES:
                self._drawn.pop(next(iter(self._drawn)))
            self._drawn[wanted] = raws
        return self._drawn[wanted]

    def _make_inputs(self, wanted: Inputs) -> list[Bytes]:
        self._draw(self._seed(f"draw-{wanted.draw}"))
        block = self._blocks[0]
        raws = [block.bytes[tensor.place].copy() for tensor in self.inputs]
        if wanted.jitter:
            seed = self._seed(f"jitter-{wanted.draw}-{wanted.jitter}")
            raws = jitter(self.inputs, raws, wanted.jitter, seed)
        if wanted.perturb:
            index, region, regions = wanted.perturb
            raws[index] = perturb(self.inputs[index], raws[index], region, regions)
        return self._edited(raws) if wanted.edit else raws

    def _edited(self, raws: list[Bytes]) -> list[Bytes]:
        for index, (tensor, raw) in enumerate(zip(self.inputs, raws, strict=True)):
            if is_floating(tensor) and raw.size:
                first = slice(0, ITEM_BYTES[tensor.dtype])
                raws[index] = raw.copy()
                raws[index][first] = encode(tensor, decode(tensor, raw[first].copy()) * -2 + 1)
                break
        return raws

    def _draw(self, seed: int) -> None:
        answer = self._ask(do="draw", seed=seed)
        described = self._parse(answer["inputs"])
        contract = [(tensor.shape, tensor.dtype) for tensor in described]
        if contract != [(tensor.shape, tensor.dtype) for tensor in self.inputs] or not self._blocks:
            if self._blocks:
                raise CannotJudge("the problem's inputs change shape from draw to draw")
            self.inputs, size = lay_out(described)
            must_fit(self._device, size, "one set of inputs takes")
            self.spec = answer["spec"]
            self._blocks = [self._device.block(size)]
            self._attach()
        self._ask(do="write_drawn", inputs=as_layouts(self.inputs))

    def _attach(self) -> None:
        self._ask_with(
            [block.descriptor for block in self._blocks],
            do="attach",
            sizes=[block.size_bytes for block in self._blocks],
        )

    def answer(self, wanted: Inputs, raws: Sequence[Bytes]) -> Answer:
        """The reference's outputs for these inputs. Asked only after a submission is done."""
        if wanted not in self._answers:
            self._forget()
            self._answers[wanted] = self._answer(raws)
        return self._answers[wanted]

    def _answer(self, raws: Sequence[Bytes]) -> Answer:
        native = self._outputs("native", raws)
        if self.stochastic is None:
            exactly = self._yardsticks(native, native)
            again = [raw for _, raw in self._outputs("native", raws)]
            self.stochastic = compare(again, Answer(exactly)).mismatched_share > 0
        if not self.stochastic:
            return Answer(self._yardsticks(native, self._wide(native, raws)))
        samples = [native, *(self._outputs("native", raws) for _ in range(DRAWS - 1))]
        draws = tuple(tuple(raw for _, raw in sample) for sample in samples)
        return Answer(self._yardsticks(native, native), draws)

    def _yardsticks(self, native: Outputs, wides: Outputs) -> tuple[Yardstick, ...]:
        return tuple(
            Yardstick.of(tensor, raw, wide, self._precision)
            for (tensor, raw), wide in zip(native, wides, strict=True)
        )

    def _forget(self) -> None:
        """Make room for one more answer: wide outputs are large."""
        copies = DRAWS + 2 if self.stochastic else 3
        size = copies * sum(tensor.size_bytes for tensor in self.outputs)
        most = max(1, min(_REMEMBERED, _REMEMBERED_BYTES // max(size, 1)))
        while len(self._answers) >= most:
            self._answers.pop(next(iter(self._answers)))

    def _wide(self, native: Outputs, raws: Sequence[Bytes]) -> Outputs:
        if self.wide_reference == "float64":
            try:
                outputs = self._outputs("wide", raws)
                if [t.shape for t, _ in outputs] == [t.shape for t, _ in native]:
                    return outputs
                self.wide_reference = "its own dtype: in float64 it returns other shapes"
            except WorkerRaised as error:
                self.wide_reference = f"its own dtype: in float64 it raises {error.error[:80]}"
        return native

    def half(self, raws: Sequence[Bytes]) -> list[Bytes]:
        """The reference's outputs on inputs rounded to half precision."""
        return [raw for _, raw in self._outputs("half", raws)]

    def _outputs(self, how: str, raws: Sequence[Bytes]) -> Outputs:
        self._write_inputs(raws)
        ask = self._ask if how == "native" else self._ask_raw
        answer = ask(do="answer", how=how, spec=self.spec, inputs=as_layouts(self.inputs))
        self.changed_by_reference = tuple(answer["changed_inputs"])
        placed, size = lay_out(self._parse(answer["outputs"]))
        self._make_room(size)
        self._ask(do="write_answer", outputs=as_layouts(placed))
        block = self._blocks[1]
        if how == "native" and not self.outputs:
            self.outputs = placed
        return tuple((tensor, block.bytes[tensor.place].copy()) for tensor in placed)

    def _write_inputs(self, raws: Sequence[Bytes]) -> None:
        for tensor, raw in zip(self.inputs, raws, strict=True):
            self._blocks[0].bytes[tensor.place] = raw

    def _make_room(self, size: int) -> None:
        if len(self._blocks) < 2 or self._blocks[1].size_bytes < size:
            must_fit(self._device, size, "one set of outputs takes")
            outgrown = self._blocks[1:]
            self._blocks[1:] = [self._device.block(size)]
            self._attach()
            for block in outgrown:
                block.close()

    def work(self, budget_s: float) -> dict[str, Any]:
        """What one call takes, in the worker's words: `worker.work.derive`."""
        seeds = [self._seed(f"work-{number}") for number in range(2)]
        wide = self.wide_reference == "float64"
        told: dict[str, Any] = self._ask_raw(do="work", seeds=seeds, wide=wide, budget_s=budget_s)
        return told

    def refusal(self, raws: Sequence[Bytes], outputs: Sequence[Bytes]) -> str:
        """Why the problem's own check refuses these outputs; empty where it passes them."""
        self._write_inputs(raws)
        for tensor, raw in zip(self.outputs, outputs, strict=True):
            self._blocks[1].bytes[tensor.place] = raw
        answer = self._ask(
            do="check",
            spec=self.spec,
            inputs=as_layouts(self.inputs),
            outputs=as_layouts(self.outputs),
        )
        return "" if answer["passed"] else str(answer["reason"]) or "says no"

    def _ask(self, **message: Any) -> Any:
        return self._ask_with([], **message)

    def _ask_with(self, descriptors: list[int], **message: Any) -> Any:
        try:
            return self._ask_raw(descriptors, **message)
        except WorkerRaised as error:
            raise CannotJudge(f"the reference fails by itself: {error.error}") from error

    def _ask_raw(self, descriptors: Sequence[int] = (), **message: Any) -> Any:
        """Where a `WorkerRaised` is an answer too."""
        self._device.settle()
        try:
            return self._worker.ask(message, self._timeout_s, descriptors)
        except WorkerDied as death:
            raise CannotJudge(f"the reference's worker {death.how}") from death

    def _parse(self, described: Any) -> tuple[Tensor, ...]:
        try:
            return parse_tensors(described)
        except BadLayout as error:
            raise CannotJudge(f"the problem's tensors can't be compared: {error}") from error

    def close(self) -> None:
        """End its worker and give its memory back."""
        self._worker.end()
        for block in [*self._blocks, *filter(None, [self.weights_block])]:
            block.close()


def seed_of(secret: bytes, purpose: str) -> int:
    """A seed of 63 bits that only the holder of the secret can foresee."""
    digest = hashlib.blake2b(purpose.encode(), key=secret, digest_size=8).digest()
    return int.from_bytes(digest) >> 1
