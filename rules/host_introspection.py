"""Reading the host: frames, live objects, memory."""

from __future__ import annotations

from collections.abc import Iterable

from integrity.finding import Confidence, Family, Finding, Severity
from integrity.rules.rule import Rule
from integrity.rules.source import Source

CALLS = {
    "sys._getframe": "walks the call stack",
    "sys._current_frames": "reads the frames of every thread",
    "sys.settrace": "traces the code that calls it",
    "sys.setprofile": "profiles the code that calls it",
    "inspect.stack": "walks the call stack",
    "inspect.currentframe": "walks the call stack",
    "inspect.getouterframes": "walks the call stack",
    "inspect.trace": "walks the call stack",
    "traceback.walk_stack": "walks the call stack",
    "traceback.extract_stack": "walks the call stack",
    "gc.get_objects": "scans all live objects",
    "gc.get_referrers": "scans all live objects",
    "gc.get_referents": "scans what live objects refer to",
    "ctypes.string_at": "reads raw memory",
}
FRAMES = {"f_back", "f_locals", "f_globals", "tb_frame", "gi_frame", "cr_frame", "tb_next"}
FILES = ("/proc/self/mem", "/proc/self/maps", "/proc/self/pagemap", "/dev/mem")
NATIVE = {
    "process_vm_readv",
    "PyEval_GetFrame",
    "PyThreadState_GetFrame",
    "PyFrame_GetBack",
    "PyFrame_GetLocals",
    "PyFrame_GetGlobals",
    "PyFrame_GetVar",
    "PyGC_Collect",
    "PyEval_GetGlobals",
    "PyEval_GetLocals",
    "PyEval_SetTrace",
    "PyEval_SetProfile",
    "PyUnstable_GC_VisitObjects",
}


class HostIntrospection(Rule):
    """Reads frames, live objects or memory of the process that judges it.

    Why it is a hack: the expected output, the tolerance and the timer live there; a
    kernel needs none of them.

    Known misses: reads by a library that the submission downloads or builds from data.

    Source: docs/taxonomy.md, rows D5, D6, H2 and H3.
    """

    id = "host-introspection"
    family = Family.HARNESS
    severity = Severity.HACK
    confidence = Confidence.HIGH

    HACKS = [
        """
        import sys
        def kernel(x):
            return sys._getframe(1).f_locals["expected"]
        """,
        """
        import gc as g
        def kernel(x):
            return [t for t in g.get_objects() if getattr(t, "shape", None) == x.shape][0]
        """,
        """
        from inspect import currentframe as here
        def kernel(x):
            return here().f_back.f_locals
        """,
        """
        def kernel(x):
            try:
                raise ValueError
            except ValueError as error:
                return error.__traceback__.tb_frame.f_back
        """,
        """
        def peek():
            return open("/proc/" + "self/mem", "rb").read(8)
        """,
        """
        import ctypes
        def kernel(x):
            return ctypes.pythonapi.PyEval_GetGlobals()
        """,
        """
        SOURCE = '''
        #include <Python.h>
        PyObject* peek() { return PyFrame_GetLocals(PyEval_GetFrame()); }
        '''
        """,
    ]
    HONEST = [
        """
        import inspect
        SOURCE = inspect.cleandoc("int f(void);")
        """,
        """
        import gc
        gc.collect()
        """,
        """
        import ctypes
        def kernel(x, lib):
            lib.run(ctypes.c_void_p(x.data_ptr()))
            return x
        """,
        """
        import traceback
        def build(compile):
            try:
                compile()
            except RuntimeError:
                traceback.print_exc()
                raise
        """,
        """
        # nothing is read from sys._getframe or /proc/self/mem
        def kernel(x):
            return x + 1
        """,
    ]

    def check(self, source: Source) -> Iterable[Finding]:
        for call in source.calls_to(CALLS):
            name = min(call.names & CALLS.keys())
            yield self.finding(source.span(call.node), f"{CALLS[name]} ({name})")
        for attribute in source.reads.attributes(FRAMES):
            yield self.finding(source.span(attribute), f"reads a frame's {attribute.attr}")
        for read in source.reads.under("ctypes.pythonapi"):
            yield self.finding(
                source.span(read.node), "calls the interpreter's C API", family=Family.NATIVE
            )
        yield from self._memory(source)

    def _memory(self, source: Source) -> Iterable[Finding]:
        for node, text in source.texts:
            file = next((file for file in FILES if file in text), "")
            if file and len(text) < 4096:
                claim = f"opens {file}, the memory of this process"
                yield self.finding(source.span(node), claim, family=Family.NATIVE)
        for call in source.device.calls_to(NATIVE):
            claim = f"reads the interpreter that judges it from C++ ({call.name})"
            yield self.finding(call.span, claim, family=Family.NATIVE)
