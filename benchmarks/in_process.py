"""What an ordinary in-process harness measures: CUDA events, L2 flushed, host lag hidden.

    python benchmarks/in_process.py '{"copy 64 MiB": 4}'

Run by `supervised_clock.py` in a process of its own, without MPS and without a supervisor. Its
argument says how many calls share a pair of events, each with inputs and an output of its own.
Prints one JSON object: workload to the median time of a call in us, alone and in such company.
"""

import json
import sys
from statistics import median
from typing import Any

import torch
from cuda_workloads import WORKLOADS

_WINDOWS, _WARMUPS = 40, 10
_CYCLES = 400_000  # about 200 us: longer than enqueuing a call takes


def call_us(source: str, width: int) -> float:
    """Median over windows of `width` calls."""
    module: dict[str, Any] = {}
    exec(source, module)
    with torch.device("cuda"):
        sets = [module["make_inputs"](seed) for seed in range(max(2, width))]
    flushed = torch.empty(2**26, dtype=torch.int32, device="cuda")
    found = []
    for window in range(_WARMUPS + _WINDOWS):
        flushed.fill_(window)
        flushed.sum()  # lines left dirty would be written back at the kernel's expense
        start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        torch.cuda._sleep(_CYCLES + width * _CYCLES // 10)
        start.record()
        kept = [module["reference"](*sets[(window + call) % len(sets)]) for call in range(width)]
        end.record()
        torch.cuda.synchronize()
        del kept  # until then no call gets another's output to write to
        found.append(start.elapsed_time(end) * 1e3 / width)
    return median(found[_WARMUPS:])


def main() -> None:
    answers = {}
    for name, width in json.loads(sys.argv[1]).items():
        answers[name] = [call_us(WORKLOADS[name], each) for each in (1, width)]
        torch.cuda.empty_cache()
    print(json.dumps(answers))


if __name__ == "__main__":
    main()
