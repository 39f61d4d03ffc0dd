"""Data pinned in the L2 cache, past the flush between timed calls."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator

from integrity.finding import Confidence, Family, Finding, Severity, Span
from integrity.rules.facts import Call
from integrity.rules.ptx import instructions
from integrity.rules.rule import Rule
from integrity.rules.source import Source

LIMITS = {
    "cudaLimitPersistingL2CacheSize",
    "CU_LIMIT_PERSISTING_L2_CACHE_SIZE",
    "hipLimitPersistingL2CacheSize",
}
WINDOWS = {
    "cudaAccessPropertyPersisting",
    "CU_ACCESS_PROPERTY_PERSISTING",
    "hipAccessPropertyPersisting",
}
PERSISTING = 6
"""`cudaLimitPersistingL2CacheSize` in driver_types.h."""

SETTERS = ("deviceSetLimit", "cudaDeviceSetLimit", "cuCtxSetLimit")
HINTS = ("createpolicy", "applypriority", "prefetch", "ld", "st", "cp")


class L2Persistence(Rule):
    """Reserves part of the L2 cache so that inputs survive the harness's flush.

    Why it is a hack: harnesses overwrite the cache between calls so that each one reads from
    memory; pinned lines stay, and the kernel is timed on data that it would not have. A mere
    eviction hint is a note: the flush evicts what is hinted.

    Known misses: a window set by a library; attributes copied as raw bytes.

    Source: docs/taxonomy.md, row A7; CUDA C++ Programming Guide, L2 persisting accesses.
    """

    id = "l2-persistence"
    family = Family.TIMING
    severity = Severity.HACK
    confidence = Confidence.HIGH

    HACKS = [
        """
        SOURCE = '''
        #include <cuda_runtime.h>
        void pin(void* x, size_t bytes, cudaStream_t stream) {
            cudaDeviceSetLimit(cudaLimitPersistingL2CacheSize, 32 << 20);
            cudaStreamAttrValue value = {};
            value.accessPolicyWindow.base_ptr = x;
            value.accessPolicyWindow.num_bytes = bytes;
            value.accessPolicyWindow.hitRatio = 1.0f;
            value.accessPolicyWindow.hitProp = cudaAccessPropertyPersisting;
            cudaStreamSetAttribute(stream, cudaStreamAttributeAccessPolicyWindow, &value);
        }
        '''
        """,
        """
        import cupy
        cupy.cuda.runtime.deviceSetLimit(6, 1 << 25)
        """,
        """
        import ctypes
        runtime = ctypes.CDLL("libcudart.so")
        runtime.cudaDeviceSetLimit(0x06, ctypes.c_size_t(1 << 25))
        """,
        """
        from cuda.bindings import runtime as cudart
        def pin(size):
            cudart.cudaDeviceSetLimit(cudart.cudaLimit.cudaLimitPersistingL2CacheSize, size)
        """,
    ]
    HONEST = [
        """
        SOURCE = '''
        #include <cuda_runtime.h>
        void stream_through(void* x, size_t bytes, cudaStream_t stream) {
            cudaDeviceSetLimit(cudaLimitStackSize, 4096);
            cudaStreamAttrValue value = {};
            value.accessPolicyWindow.base_ptr = x;
            value.accessPolicyWindow.num_bytes = bytes;
            value.accessPolicyWindow.hitProp = cudaAccessPropertyStreaming;
            cudaStreamSetAttribute(stream, cudaStreamAttributeAccessPolicyWindow, &value);
            cudaCtxResetPersistingL2Cache();
        }
        '''
        """,
        """
        import triton
        import triton.language as tl
        @triton.jit
        def body(x, w, y):
            a = tl.load(x, eviction_policy="evict_first")
            tl.store(y, a * tl.load(w))
        """,
        """
        import cupy
        cupy.cuda.runtime.deviceSetLimit(2, 1 << 25)
        """,
    ]

    def check(self, source: Source) -> Iterable[Finding]:
        for piece in source.device.pieces:
            if "ersist" not in piece.source and "PERSIST" not in piece.source:
                continue
            for word in sorted(piece.words & (LIMITS | WINDOWS)):
                yield self.finding(piece.span_of(word), f"pins data in the L2 cache ({word})")
            if {"access_property", "persisting"} <= piece.words:
                claim = "pins data in the L2 cache (access_property::persisting)"
                yield self.finding(piece.span_of("persisting"), claim)
        for node in source.reads.attributes(LIMITS | WINDOWS):
            yield self.finding(source.span(node), f"pins data in the L2 cache ({node.attr})")
        for call in source.calls:
            if self._sets_limit(source, call):
                yield self.finding(source.span(call.node), "pins data in the L2 cache (limit 6)")
        yield from self._hints(source)

    def _sets_limit(self, source: Source, call: Call) -> bool:
        if call.method not in SETTERS and not any(name.endswith(SETTERS) for name in call.names):
            return False
        given = call.argument(0)
        meanings = [given, *source.assigned(given)] if given is not None else []
        return any(isinstance(m, ast.Constant) and m.value == PERSISTING for m in meanings)

    def _hints(self, source: Source) -> Iterator[Finding]:
        """Eviction hints: honest kernels use them, so they are only worth a note."""
        for call in source.calls_to({"triton.language.load"}):
            for keyword in call.node.keywords:
                if keyword.arg == "eviction_policy" and "evict_last" in source.strings(
                    keyword.value
                ):
                    yield self._hint(source.span(call.node), "evict_last")
        for instruction in instructions(source.device):
            hinted = "evict_last" in instruction.name
            if hinted and instruction.name.startswith(HINTS):
                yield self._hint(instruction.span, instruction.name)

    def _hint(self, span: Span, what: str) -> Finding:
        claim = f"asks the cache to keep what it reads ({what})"
        return self.finding(span, claim, Severity.NOTE, Confidence.LOW)
