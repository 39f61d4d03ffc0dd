"""Which names belong to somebody else: modules a submission did not write."""

CONFIGURATION = ("torch.backends.", "triton.runtime.", "triton.knobs.", "logging.", "warnings.")
OWN_OBJECT = ("()", "[]", "<")
CLOCKS = (
    "torch.cuda.Event",
    "torch.Event",
    "torch.cuda.synchronize",
    "torch.cuda.Stream.",
    "torch.cuda.current_stream",
    "torch.utils.benchmark.",
    "triton.testing.",
    "time.",
    "timeit.",
)


def is_foreign(name: str) -> bool:
    """Whether a dotted name is an attribute of a module the submission does not own."""
    if name.startswith("type(?)."):
        return True
    if name.startswith((".", "?", "None")) or any(mark in name for mark in OWN_OBJECT):
        return False
    return "." in name


def is_configuration(name: str) -> bool:
    """Settings that a library offers for writing, and the environment of the process."""
    return name.startswith((*CONFIGURATION, "os.environ.")) or ".config." in f"{name}."


def is_clock(name: str) -> bool:
    """What harnesses time with."""
    return any(name == clock or name.startswith(clock.rstrip(".") + ".") for clock in CLOCKS)
