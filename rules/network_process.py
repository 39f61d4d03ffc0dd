"""Reaching out of the process: network, commands, preloads."""

from __future__ import annotations

import ast
from collections.abc import Iterable

from integrity.finding import Confidence, Family, Finding, Severity
from integrity.rules.rule import Rule
from integrity.rules.source import Source

NETWORK = (
    "socket.",
    "urllib.request.",
    "http.client.",
    "requests.",
    "httpx.",
    "aiohttp.",
    "ftplib.",
    "paramiko.",
    "huggingface_hub.",
    "torch.hub.",
)
RESTARTS = {
    f"os.{name}"
    for name in (
        "execv",
        "execve",
        "execl",
        "execle",
        "execlp",
        "execvp",
        "execvpe",
        "posix_spawn",
        "spawnv",
        "spawnl",
        "spawnve",
        "spawnlp",
    )
}
COMMANDS = {
    f"subprocess.{name}"
    for name in (
        "run",
        "call",
        "check_call",
        "check_output",
        "Popen",
        "getoutput",
        "getstatusoutput",
    )
} | {"os.system", "os.popen", "asyncio.create_subprocess_exec"}
COMPILERS = {
    "cc",
    "gcc",
    "g++",
    "c++",
    "clang",
    "clang++",
    "nvcc",
    "hipcc",
    "ninja",
    "make",
    "cmake",
    "ptxas",
    "nvidia-smi",
    "ld",
    "ar",
    "cuobjdump",
    "icx",
    "icpx",
    "tcc",
    "fatbinary",
    "c99",
    "as",
    "rocminfo",
}
GETTERS = {"os.getenv", "os.environ.get"}
PRELOADS = {
    "os.environ.LD_PRELOAD",
    "os.environ.LD_AUDIT",
    "os.environ.PYTHONSTARTUP",
    "os.environ.PYTHONPATH",
    "os.environ.NVIDIA_TF32_OVERRIDE",
}

NATIVE_COMMANDS = {"system", "popen", "wordexp"}
NATIVE_PROGRAMS = {
    *("execl", "execle", "execlp", "execv", "execve", "execvp", "execvpe", "fexecve"),
    *("posix_spawn", "posix_spawnp"),
}
NATIVE_NETWORK = {"socket", "getaddrinfo", "gethostbyname", "curl_easy_init", "curl_easy_perform"}


class NetworkProcess(Rule):
    """Opens the network, runs a command that is no compiler, or restarts the process.

    Why it is a hack: the answer, or the tool that forges it, can come from anywhere; a
    kernel needs a compiler and nothing else.

    Known misses: a compiler wrapper that does more than compile.

    Source: docs/taxonomy.md, rows H6 and H7.
    """

    id = "network-process"
    family = Family.NATIVE
    severity = Severity.HACK
    confidence = Confidence.HIGH

    HACKS = [
        """
        import urllib.request
        blob = urllib.request.urlopen("http://example.invalid/k.so").read()
        """,
        """
        import os
        getattr(os, "sys" + "tem")("pip install faster-kernels")
        """,
        """
        import subprocess as s
        s.run(["curl", "-O", "http://example.invalid/k.so"])
        """,
        """
        from socket import create_connection
        create_connection(("example.invalid", 80))
        """,
        """
        import os, sys
        os.environ["LD_PRELOAD"] = "/tmp/clock.so"
        os.execv(sys.executable, [])
        """,
        """
        SOURCE = '''
        #include <stdlib.h>
        void fetch() { system("pip install faster-kernels"); }
        '''
        """,
        """
        SOURCE = '''
        #include <sys/socket.h>
        int reach() { return socket(AF_INET, SOCK_STREAM, 0); }
        '''
        """,
    ]
    HONEST = [
        """
        import subprocess
        subprocess.run(["gcc", "-O3", "k.c", "-o", "k.so"], check=True)
        """,
        """
        import os, subprocess
        command = f"{os.environ.get('CXX', 'g++')} -O3 k.cpp"
        subprocess.check_call("cc -O3 -shared k.c -o k.so".split())
        """,
        """
        import shutil, subprocess
        subprocess.run([shutil.which("nvcc"), "-cubin", "k.cu"])
        """,
        """
        import subprocess
        def build(flags, folder):
            subprocess.check_call(f"cc {flags} -o {folder}/k.so {folder}/k.c", shell=True)
        """,
        """
        SOURCE = '''
        #include <torch/extension.h>
        struct Solver { void system(const char* name); };
        void run(Solver& solver) { solver.system("lower triangular"); }
        '''
        """,
    ]

    def check(self, source: Source) -> Iterable[Finding]:
        for call in source.calls:
            for name in sorted(call.names):
                if name.startswith(NETWORK) and "()" not in name:
                    yield self.finding(source.span(call.node), f"opens the network ({name})")
        for call in source.calls_to(RESTARTS):
            name = min(call.names & RESTARTS)
            yield self.finding(source.span(call.node), f"starts another program ({name})")
        for call in source.calls_to(COMMANDS):
            yield from self._command(source, call.node)
        for write in source.writes:
            for name in sorted(write.names & PRELOADS):
                yield self.finding(source.span(write.node), f"sets {name.rpartition('.')[2]}")
        yield from self._native(source)

    def _native(self, source: Source) -> Iterable[Finding]:
        """The same from C++; a method of an object of that name is something else."""
        code = source.device
        for call in code.calls_to(NATIVE_COMMANDS | NATIVE_PROGRAMS | NATIVE_NETWORK):
            bare = call.name.removeprefix("std::").removeprefix("::")
            if bare != call.last or call.last in code.by_name or call.in_macro:
                continue
            if call.last in NATIVE_NETWORK:
                yield self.finding(call.span, f"opens the network from C++ ({bare})")
            else:
                yield self.finding(call.span, f"starts another program from C++ ({bare})")

    def _command(self, source: Source, node: ast.Call) -> Iterable[Finding]:
        given = [*node.args[:1], *(k.value for k in node.keywords if k.arg == "args")]
        programs = {word for part in given for word in self._programs(source, part)}
        if programs and not programs <= COMPILERS:
            named = min(programs - COMPILERS)
            yield self.finding(source.span(node), f"runs {named!r}, which is no compiler")
        elif not programs:
            claim = "runs a command that can't be read"
            yield self.finding(source.span(node), claim, Severity.SUSPICIOUS, Confidence.LOW)

    def _programs(self, source: Source, node: ast.expr, depth: int = 4) -> set[str]:
        """Names of the programs a command line starts with."""
        texts = set(source.strings(node))
        if not texts and depth:
            texts |= {
                p
                for part in self._leading(source, node)
                for p in self._programs(source, part, depth - 1)
            }
        words = (text.split()[0].rpartition("/")[2] for text in texts if text.split())
        return {word.rstrip("0123456789-.") or word for word in words}

    def _leading(self, source: Source, node: ast.expr) -> list[ast.expr]:
        """What decides the first word of a command."""
        if isinstance(node, ast.List | ast.Tuple):
            return node.elts[:1]
        if isinstance(node, ast.Name | ast.Attribute):
            return source.assigned(node)
        if isinstance(node, ast.JoinedStr):
            return node.values[:1]
        if isinstance(node, ast.FormattedValue | ast.Starred):
            return [node.value]
        if isinstance(node, ast.BinOp):
            return [node.left]
        if isinstance(node, ast.BoolOp):
            return node.values
        if isinstance(node, ast.Call) and source.names(node.func) & GETTERS:
            return node.args[1:]  # the variable's name is no program
        if isinstance(node, ast.Call):
            receiver = [node.func.value] if isinstance(node.func, ast.Attribute) else []
            return [*node.args, *receiver]
        return []
