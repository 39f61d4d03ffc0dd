"""Whose kernels the device ran: the submission's, or a vendor's library's alone."""

from collections.abc import Iterable, Iterator

from integrity.detectors import device_work
from integrity.evidence import Evidence
from integrity.finding import Confidence, Family, Finding, Severity
from integrity.problem import Problem
from integrity.run import Experiment


class VendorKernels:
    """Some kernel that ran is not from torch, cuBLAS or cuDNN.

    The names of all kernels that ran in the warm calls say whose they are, however they were
    called: past the dispatcher too, which `library-work` can't see. A submission of whose own
    kernels not one ran is a decoy, or fell back to a library.

    Known misses: libraries whose kernels have other names, torch.compile; a submission with a
    trivial kernel of its own beside the library's. A kernel built from torch's own templates
    (`at::native::gpu_kernel`) would be taken for torch's.

    Source: TAXONOMY G1 to G4, G8; names as nsys and torch.profiler show them.
    """

    id = "vendor-kernels"
    decisive = False

    def experiments(self, problem: Problem, seed: int) -> Iterator[Experiment]:
        yield device_work.EXPERIMENT

    def detect(self, evidence: Evidence) -> Iterable[Finding]:
        if not device_work.applies(evidence) or evidence.policy.allow_library_only:
            return
        ours, _ = device_work.whole(evidence)
        ran = [k for call in device_work.warm_calls(ours) for k in device_work.kernels(ours, call)]
        if not ran or not all(map(device_work.is_library, ran)):
            return
        longest = max(ran, key=lambda kernel: kernel.takes_ns)
        claim = f"runs no kernel but a library's ({longest.name[:60]})"
        yield Finding(
            "only-library-kernels", self.id, Family.AUTHENTICITY, Severity.HACK, Confidence.MEDIUM,
            claim, measured={"kernels": len(ran)},
        )  # fmt: skip
