"""The static detector: what the rules see, where they see it, what the policy permits."""

import ast
import subprocess
import sys
from inspect import cleandoc
from pathlib import Path

import pytest

from integrity.detectors.static import Static
from integrity.evidence import Evidence
from integrity.finding import Finding, Severity, Span
from integrity.policy import Policy, Precision
from integrity.problem import Task
from integrity.rules.analyser import Analyser
from integrity.rules.checked_fallback import CheckedFallback
from integrity.rules.conditions import outcome
from integrity.rules.low_precision_accumulation import LowPrecisionAccumulation
from integrity.rules.low_precision_instruction import LowPrecisionInstruction
from integrity.rules.rule import Rule
from integrity.rules.scan import scan
from integrity.rules.source import Source
from integrity.submission import Submission

LIBRARY = "import torch\ndef custom_kernel(data):\n    return torch.mm(*data)\n"
HALF = "def custom_kernel(data, launch):\n    return launch(data.half()).float()\n"


def detected(
    text: str, entry: str = "custom_kernel", policy: Policy | None = None
) -> list[Finding]:
    task = Task("pair", entry, None)
    evidence = Evidence(Submission.of(text), task, policy or Policy())
    return list(Static().detect(evidence))


def ids(text: str, entry: str = "") -> set[str]:
    return {finding.id for finding in scan(cleandoc(text), entry=entry)}


def test_library_calls_are_reported_unless_the_policy_allows_them() -> None:
    assert [finding.id for finding in detected(LIBRARY)] == ["no-authored-kernel"]
    assert detected(LIBRARY, policy=Policy(allow_library_only=True)) == []


def test_fallback_after_a_comparison_passes_where_the_policy_allows_fallbacks() -> None:
    checked = cleandoc(CheckedFallback.HACKS[1])
    assert "checked-fallback" in [f.id for f in detected(checked)]
    lenient = Policy(allow_fallback=True, allow_library_only=True)
    assert "checked-fallback" not in [f.id for f in detected(checked, policy=lenient)]


@pytest.mark.parametrize("rule", [LowPrecisionAccumulation, LowPrecisionInstruction])
def test_hidden_downcast_becomes_a_note_too(rule: type[Rule]) -> None:
    for hack in rule.HACKS:
        lenient = detected(cleandoc(hack), "", Policy(precision=Precision.BF16))
        assert {f.severity for f in lenient if f.id == rule.id} == {Severity.NOTE}


def test_downcast_becomes_a_note_where_the_policy_permits_half_precision() -> None:
    strict, lenient = Policy(), Policy(precision=Precision.FP16)
    assert [f.severity for f in detected(HALF, policy=strict)] == [Severity.HACK]
    assert [f.severity for f in detected(HALF, policy=lenient)] == [Severity.NOTE]


def test_detector_reuses_a_warm_analyser() -> None:
    with Analyser() as analyser:
        evidence = Evidence(Submission.of(LIBRARY), Task("pair", "custom_kernel", None))
        static = Static(analyser)
        before = analyser.pid
        list(static.detect(evidence))
        list(static.detect(evidence))
        assert analyser.pid == before


def test_span_counts_characters_where_the_parser_counts_bytes() -> None:
    text = 'import time\nname = "Übergröße"; time.perf_counter = None\n'
    (finding,) = scan(text)
    assert finding.span == Span(2, 21, 2, 38)


def test_span_points_into_the_cuda_inside_a_string() -> None:
    text = cleandoc(
        """
        SOURCE = '''
        #include <cuda.h>
        void run() {
            cudaStreamCreate(&s);
        }
        '''
        """
    )
    (finding,) = scan(text)
    assert (finding.id, finding.span) == ("side-stream", Span(4, 5, 4, 25))


def test_span_points_into_a_cu_file() -> None:
    (finding,) = scan("void run() {\n  cudaStreamCreate(&s);\n}\n", Path("kernel.cu"))
    assert (finding.id, finding.span) == ("side-stream", Span(2, 3, 2, 23))


def test_code_under_the_main_guard_is_dead_to_the_harness() -> None:
    patch = "import time\nif {}:\n    time.time = None\n"
    assert scan(patch.format('__name__ == "__main__"')) == []
    assert scan(patch.format('"__main__" == __name__')) == []
    assert [f.id for f in scan(patch.format('__name__ == "__main__" or True'))] == ["timer-patch"]


def test_reference_pasted_beside_the_entry_is_not_the_submission() -> None:
    text = """
    import torch, ctypes
    lib = ctypes.CDLL("k.so")
    class Model(torch.nn.Module):
        def forward(self, x):
            with torch.autocast("cuda"):
                return torch.softmax(x, -1).float()
    class ModelNew(Model):
        def forward(self, x):
            out = torch.empty_like(x)
            lib.run(x.data_ptr(), out.data_ptr())
            return out
    """
    assert ids(text, "ModelNew") == set()


def test_function_that_only_a_name_in_a_string_reaches_is_live() -> None:
    text = """
    import time
    def hidden():
        time.time = None
    def custom_kernel(data, launch):
        globals()["hidden"]()
        return launch(data)
    """
    assert "timer-patch" in ids(text, "custom_kernel")


@pytest.mark.parametrize(
    ("expression", "name"),
    [
        ("torch.cuda.Event", "torch.cuda.Event"),
        ("c.Event", "torch.cuda.Event"),
        ("getattr(torch, 'cu' 'da').Event", "torch.cuda.Event"),
        ("getattr(torch, ''.join(['c', 'uda'])).Event", "torch.cuda.Event"),
        ("getattr(torch, ''.join(map(chr, [99, 117, 100, 97]))).Event", "torch.cuda.Event"),
        ("getattr(torch, 'aduc'[::-1]).Event", "torch.cuda.Event"),
        ("getattr(torch, f'{word}da').Event", "torch.cuda.Event"),
        ("torch.__dict__['cuda'].Event", "torch.cuda.Event"),
        ("vars(torch).get('cuda').Event", "torch.cuda.Event"),
        ("sys.modules['torch'].cuda.Event", "torch.cuda.Event"),
        ("__import__('torch').cuda.Event", "torch.cuda.Event"),
        ("importlib.import_module('torch.cuda').Event", "torch.cuda.Event"),
        ("globals()['c'].Event", "torch.cuda.Event"),
        ("(q := torch.cuda).Event", "torch.cuda.Event"),
        ("operator.attrgetter('cuda.Event')(torch)", "torch.cuda.Event"),
        ("type(torch.cuda.Event())", "torch.cuda.Event"),
        ("torch.cuda.Event().__class__", "torch.cuda.Event"),
        ("holder().Event", "torch.cuda.Event"),
        ("Box().module.Event", "torch.cuda.Event"),
        ("pair[1].Event", "torch.cuda.Event"),
        ("object.__getattribute__(torch, 'cuda').Event", "torch.cuda.Event"),
    ],
)
def test_name_resolves_through(expression: str, name: str) -> None:
    setup = cleandoc(
        """
        import torch, sys, importlib, operator
        c = torch.cuda
        word = "cu"
        pair = (torch, torch.cuda)
        def holder():
            return c
        class Box:
            def __init__(self):
                self.module = c
        """
    )
    source = Source(f"{setup}\nresult = {expression}\n")
    value = source.tree.body[-1].value  # type: ignore[attr-defined]
    assert name in source.names(value)


def test_local_class_shadows_the_module_of_the_same_name() -> None:
    text = """
    import torch
    def custom_kernel(data, launch):
        class torch:
            pass
        torch.allclose = None
        return launch(data)
    """
    assert ids(text) == set()


def test_scan_imports_neither_torch_nor_libcst() -> None:
    code = (
        "import sys; from integrity.rules.scan import scan;"
        f"scan({LIBRARY!r});"
        "print(sorted({'torch', 'libcst', 'pydantic', 'triton'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_listing_the_rules_imports_no_parser() -> None:
    code = (
        "import sys; from integrity.rules import all_rules; all_rules();"
        "print(sorted({'torch', 'libcst', 'pydantic', 'tree_sitter'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_write_inside_a_triton_kernel_counts_since_an_interpreter_would_run_it() -> None:
    text = """
    import time, triton
    @triton.jit
    def body(x):
        time.perf_counter = None
    def custom_kernel(data):
        body[(1,)](data)
        return data
    """
    assert "timer-patch" in ids(text, "custom_kernel")


def test_payload_is_read_where_it_runs() -> None:
    text = """
    import base64, time as clock
    exec(base64.b64decode("Y2xvY2sucGVyZl9jb3VudGVyID0gTm9uZQ=="))
    """
    found = {finding.id: finding.span for finding in scan(cleandoc(text))}
    assert found["timer-patch"] is not None and found["timer-patch"].line == 2


def test_what_is_missing_proves_nothing_where_code_could_not_be_read() -> None:
    library = "import torch\ndef custom_kernel(data):\n    return torch.mm(*data)\n"
    assert "no-authored-kernel" in ids(library, "custom_kernel")
    hidden = "import marshal\nexec(marshal.loads(b'...'))\n" + library
    assert "no-authored-kernel" not in ids(hidden, "custom_kernel")
    assert "dynamic-code" in ids(hidden, "custom_kernel")


@pytest.mark.parametrize(
    ("test", "always"),
    [
        ("x.numel() > 1 << 40", False),
        ("x.shape[0] * x.shape[1] < 0", False),
        ("x.dim() > 9", False),
        ("os.environ.get('FAST', '0') == '1'", False),
        ("not FLAG", True),
        ("x.numel() % 128 == 0", None),
        ("x.shape[0] > 1024", None),
        ("x.is_cuda", None),
    ],
)
def test_test_that_never_changes_is_known(test: str, always: bool | None) -> None:
    text = f"import os\nFLAG = False\ndef custom_kernel(x):\n    return 1 if {test} else 2\n"
    source = Source(text)
    (chosen,) = source.layout.nodes(ast.IfExp)
    assert outcome(source, chosen.test) is always


def test_literals_are_evaluated_within_bounds() -> None:
    assert folded("'%s_%s' % ('perf', 'counter')") == {"perf_counter"}
    assert folded("bytes(c ^ 3 for c in b'sfqe').decode()") == {"perf"}
    assert folded("('ab' * 10**9)[:4]") == set()
    assert folded("'a'.join(['b'] * 10**7)") == set()


def folded(expression: str) -> set[str]:
    source = Source(f"x = {expression}\n")
    (assignment,) = source.layout.nodes(ast.Assign)
    return set(source.strings(assignment.value))
