"""How workers ended that should not have."""

from collections.abc import Iterable

from integrity.errors import CannotJudge
from integrity.evidence import Evidence
from integrity.finding import Family, Finding
from integrity.run import Death, Role, Run

_NEEDS_DEVICE = ("CUDA", "NVIDIA", "HIP", "cuda", "0 active drivers")


class WorkerDeath:
    """Every worker finishes its calls. One that does not is broken, or left early on purpose.

    A kernel that needs a device which is not there is neither: that is an abstention. So is a death
    while the device was recorded: that process is CUPTI's too, for which no submission answers, and
    the same calls are made elsewhere.

    Known misses: a submission that hides its crash until the harness's own input comes.

    Source: TAXONOMY D9; a process that exits with success has no honest reason inside a kernel.
    """

    id = "worker-death"
    decisive = True

    def detect(self, evidence: Evidence) -> Iterable[Finding]:
        deaths: list[tuple[Death, bool]] = []
        for run in evidence.every_run():
            # Jittered values may be none that a kernel has to take; `input-jitter` weighs those.
            death = run.death_of(Role.SUBMISSION)
            if run.experiment.recorded:  # who dies there alone may have died of the recorder
                continue
            if death and (not death.call or _is_plain(run, death.call)):
                deaths.append((death, "device" in run.facts))
        for death, had_device in deaths[:1]:
            yield self._finding(death, len(deaths), had_device)

    def _finding(self, death: Death, times: int, had_device: bool) -> Finding:
        when = "while it was being loaded" if death.call is None else f"in call {death.call + 1}"
        needs_device = any(word in death.how for word in _NEEDS_DEVICE) and not had_device
        if death.exit_code is None and needs_device:
            raise CannotJudge(f"it needs a GPU: it {death.how}")
        if death.exit_code == 0:
            claim = f"ends the process with success {when}, before its output is checked"
            return Finding.proof("early-exit", self.id, Family.HARNESS, claim, deaths=times)
        claim = f"{death.how} {when}"
        return Finding.proof("crash", self.id, Family.FAILURE, claim, deaths=times)


def _is_plain(run: Run, call: int) -> bool:
    """Whether every kernel has to survive that call."""
    return all(each.is_plain for each in run.experiment.calls[call : call + 1])
