"""How long a static scan takes: per 10 KB file, against libcst, and up to 1 MB.

Run it as `python benchmarks/static.py`. Everything is generated; nothing is executed.
"""

from __future__ import annotations

import gc
import statistics
import sys
import time
from collections.abc import Callable
from inspect import cleandoc
from pathlib import Path

from integrity.corpora import cases
from integrity.rules import all_rules
from integrity.rules.analyser import Analyser
from integrity.rules.scan import scan
from integrity.submission import Submission

CORPORA = Path(__file__).parents[1] / "corpora"
SIZE_BYTES = 10_240
ROUNDS = 5

TRITON = '''
@triton.jit
def layer_norm_{n}(x_ptr, w_ptr, b_ptr, y_ptr, rows, columns, eps, BLOCK: tl.constexpr):
    """Normalise row {n}; statistics in float32."""
    row = tl.program_id(0)
    offsets = tl.arange(0, BLOCK)
    mask = offsets < columns
    x = tl.load(x_ptr + row * columns + offsets, mask=mask, other=0.0).to(tl.float32)
    mean = tl.sum(x, axis=0) / columns
    centred = tl.where(mask, x - mean, 0.0)
    scale = 1.0 / tl.sqrt(tl.sum(centred * centred, axis=0) / columns + eps)
    weight = tl.load(w_ptr + offsets, mask=mask)
    tl.store(y_ptr + row * columns + offsets, centred * scale * weight, mask=mask)


class Layer{n}(torch.nn.Module):
    def __init__(self, features: int, eps: float = 1e-5):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.ones(features))
        self.bias = torch.nn.Parameter(torch.zeros(features))
        self.eps = eps

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = x.contiguous()
        y = torch.empty_like(x)
        rows, columns = x.shape
        block = triton.next_power_of_2(columns)
        layer_norm_{n}[(rows,)](x, self.weight, self.bias, y, rows, columns, self.eps, BLOCK=block)
        return y
'''

CUDA = '''
SOURCE_{n} = r"""
#include <cuda_runtime.h>
template <int WARPS> __global__ void softmax_{n}(const float* x, float* y, int columns) {{
    __shared__ float partial[WARPS];
    const float* row = x + blockIdx.x * (long long)columns;
    float largest = -INFINITY;
    for (int j = threadIdx.x; j < columns; j += blockDim.x) largest = fmaxf(largest, row[j]);
    for (int o = 16; o > 0; o >>= 1) largest = fmaxf(largest, __shfl_xor_sync(~0u, largest, o));
    if (threadIdx.x % 32 == 0) partial[threadIdx.x / 32] = largest;
    __syncthreads();
    for (int j = threadIdx.x; j < columns; j += blockDim.x)
        y[blockIdx.x * (long long)columns + j] = __expf(row[j] - partial[0]);
}}
torch::Tensor run_{n}(torch::Tensor x) {{
    auto y = torch::empty_like(x);
    softmax_{n}<8><<<x.size(0), 256, 0, at::cuda::getCurrentCUDAStream()>>>(
        x.data_ptr<float>(), y.data_ptr<float>(), x.size(1));
    return y;
}}
"""
module_{n} = load_inline(name="softmax_{n}", cpp_sources="", cuda_sources=SOURCE_{n})


def softmax_{n}(x):
    return module_{n}.run_{n}(x.contiguous())
'''

HEADER = """import torch
import triton
import triton.language as tl
from torch.utils.cpp_extension import load_inline
"""

ENTRY = """

class ModelNew(torch.nn.Module):
    def forward(self, x):
        return {call}
"""


def kernels() -> list[str]:
    """Sources of about 10 KB: every rule's examples, padded with Triton and CUDA in turn."""
    examples = [cleandoc(text) for rule in all_rules() for text in (*rule.HACKS, *rule.HONEST)]
    return [_padded(text, turn) for turn, text in enumerate(examples) if _parses(text)]


def _parses(text: str) -> bool:
    return len(text) < 4_000 and not any(
        finding.id in {"unanalysable", "not-python"} for finding in scan(text)
    )


def _padded(example: str, turn: int) -> str:
    parts, count = [HEADER, example], 0
    while sum(map(len, parts)) < SIZE_BYTES - 1_200:
        parts.append((CUDA if (turn + count) % 3 == 0 else TRITON).format(n=count))
        count += 1
    return "\n".join(parts) + ENTRY.format(call=f"Layer{1 if turn % 3 == 0 else 0}(8)(x)")


def milliseconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return (time.perf_counter() - start) * 1e3


def spread(times_ms: list[float]) -> str:
    ordered = sorted(times_ms)
    p99 = ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))]
    return f"mean {statistics.fmean(ordered):6.1f} ms   p99 {p99:6.1f} ms"


def with_libcst(text: str) -> object:
    """What a libcst-based scanner pays before its first rule: the tree and the positions."""
    import libcst
    from libcst.metadata import MetadataWrapper, PositionProvider

    wrapper = MetadataWrapper(libcst.parse_module(text), unsafe_skip_copy=True)
    return wrapper.resolve(PositionProvider)


def linearity(size_kb: int) -> tuple[float, float]:
    """Size in KB and time of one scan of a file about that large."""
    block = "\n".join(TRITON.format(n=n) for n in range(size_kb * 1024 // len(TRITON) + 1))
    text = HEADER + block + ENTRY.format(call="Layer0(8)(x)")
    gc.collect()
    return len(text) / 1024, milliseconds(lambda: scan(text))  # no entry: everything is live


def written() -> list[Submission]:
    """The labelled submissions of this repository, as they are."""
    folders = [path for path in sorted(CORPORA.glob("blind*")) if path.is_dir()]
    files = [path for folder in folders for path in sorted(folder.rglob("*.py"))]
    return [Submission.read(path) for path in [*(case.kernel for case in cases()), *files]]


def main() -> None:
    sources = kernels()
    sizes = [len(text) / 1024 for text in sources]
    print(f"{len(sources)} sources, {statistics.fmean(sizes):.1f} KB each on average")
    start = time.perf_counter()
    with Analyser() as analyser:
        print(f"analyser starts in {(time.perf_counter() - start) * 1e3:.0f} ms")
        submissions = [Submission.of(text, Path("kernel.py")) for text in sources]
        analyser.scan(submissions[0], "ModelNew")
        times = [
            milliseconds(lambda s=submission: analyser.scan(s, "ModelNew"))  # type: ignore[misc]
            for _ in range(ROUNDS)
            for submission in submissions
        ]
        real = written()
        ours = [
            milliseconds(lambda s=submission: analyser.scan(s, ""))  # type: ignore[misc]
            for _ in range(ROUNDS)
            for submission in real
        ]
    print(f"scan, warm child process   {spread(times)}")
    size = statistics.fmean(len(submission.text) for submission in real) / 1024
    print(f"{len(real)} labelled files, {size:.1f} KB {spread(ours)}")
    with_libcst(sources[0])
    cst = [milliseconds(lambda t=text: with_libcst(t)) for text in sources]  # type: ignore[misc]
    print(f"libcst, parse + positions  {spread(cst)}")
    print(
        f"libcst without a rule / whole scan: {statistics.fmean(cst) / statistics.fmean(times):.1f}"
    )
    sys.setrecursionlimit(20_000)
    gc.disable()  # as in the analyser's child
    for size_kb in (64, 128, 256, 512, 1024):
        kb, took_ms = linearity(size_kb)
        print(f"{kb:7.0f} KB   {took_ms:8.0f} ms   {took_ms / kb:6.2f} ms/KB")


if __name__ == "__main__":
    main()
