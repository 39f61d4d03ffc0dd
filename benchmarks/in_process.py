"""What an ordinary in-process harness measures: CUDA events, L2 flushed, host lag hidden.

Run by `supervised_clock.py` in a process of its own, without MPS and without a supervisor. Prints
one JSON object: workload to median and quartiles in us.
"""

import json
import sys

import torch
from cuda_workloads import WORKLOADS

_CALLS = 40
_CYCLES = 400_000  # about 200 us: longer than enqueuing takes


def times(source: str) -> list[float]:
    module: dict[str, object] = {}
    exec(source, module)
    with torch.device("cuda"):
        sets = [module["make_inputs"](seed) for seed in range(2)]  # type: ignore[operator]
    flushed = torch.empty(2**26, dtype=torch.int32, device="cuda")
    found = []
    for call in range(_CALLS):
        flushed.fill_(call)
        flushed.sum()  # lines left dirty would be written back at the kernel's expense
        start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        torch.cuda._sleep(_CYCLES)
        start.record()
        module["reference"](*sets[call % 2])  # type: ignore[operator]
        end.record()
        torch.cuda.synchronize()
        found.append(start.elapsed_time(end) * 1e3)
    return found[10:]


def main() -> None:
    answers = {}
    for name in sys.argv[1:] or WORKLOADS:
        found = torch.tensor(times(WORKLOADS[name]))
        answers[name] = [float(found.quantile(q)) for q in (0.25, 0.5, 0.75)]
        torch.cuda.empty_cache()
    print(json.dumps(answers))


if __name__ == "__main__":
    main()
