"""What it costs to open a gate and hear "done": polling a shared page against sleeping."""

import os
import statistics
import time

from integrity.supervision.memory import Block

CALLS, PAUSE_S = 300, 0.002
GATE, DONE = 0, 1


def serve(block: Block, gate: int, done: int, sleeping: bool) -> None:
    """The worker's side, in a forked child."""
    for number in range(1, CALLS + 1):
        if sleeping:
            os.eventfd_read(gate)
        while block.words[GATE] < number:
            pass
        block.words[DONE] = number
        if sleeping:
            os.eventfd_write(done, 1)


def latencies_us(sleeping: bool) -> list[float]:
    """Round trips, sorted."""
    block, gate, done = Block(4096), os.eventfd(0), os.eventfd(0)
    cores = sorted(os.sched_getaffinity(0))
    child = os.fork()
    if child == 0:
        os.sched_setaffinity(0, cores[-1:])
        serve(block, gate, done, sleeping)
        os._exit(0)
    os.sched_setaffinity(0, cores[:1])
    taken = []
    for number in range(1, CALLS + 1):
        time.sleep(PAUSE_S)
        start = time.perf_counter_ns()
        block.words[GATE] = number
        if sleeping:
            os.eventfd_write(gate, 1)
            os.eventfd_read(done)
        while block.words[DONE] < number:
            pass
        taken.append((time.perf_counter_ns() - start) / 1e3)
    os.waitpid(child, 0)
    os.sched_setaffinity(0, cores)
    return sorted(taken)


def main() -> None:
    """Print the table."""
    print(f"{'':10}{'p10':>8}{'median':>8}{'p90':>8} us")
    for name, sleeping in (("polling", False), ("sleeping", True)):
        taken = latencies_us(sleeping)
        low, high = taken[CALLS // 10], taken[CALLS * 9 // 10]
        print(f"{name:10}{low:8.1f}{statistics.median(taken):8.1f}{high:8.1f}")


if __name__ == "__main__":
    main()
