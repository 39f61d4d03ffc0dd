"""The C++ side: the same native code, written differently."""

import ast
import re
from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from integrity.evasion.cpp import (
    IDENTIFIER,
    after_includes,
    code_of,
    in_code,
    is_native,
    replaced,
    segments,
)
from integrity.evasion.modules import is_docstring
from integrity.evasion.mutator import Mutator, not_python, parsed, rendered

TELLING = re.compile(
    r"cuda[A-Z]\w*|Py[A-Z]\w*|py|at|c10|torch|std|static|thread_local|__half\w*|half|"
    r"mem(?:set|cpy)|float|double|ptrace|syscall|_exit|dlopen|dlsym|open|getenv|system"
)
"""Names that a rule might look for, and types that every kernel has."""

ADDRESSABLE = re.compile(
    r"(?:cudaStream(?:Create(?:WithFlags|WithPriority)?|Synchronize|Destroy)|"
    r"cudaDeviceSynchronize|cudaMemcpyAsync|cudaMemsetAsync|PyImport_ImportModule|"
    r"PyObject_[SG]etAttrString|ptrace|syscall|memset|memcpy|_exit|getenv|dlopen|dlsym)(?=\s*\()"
)
"""Host functions that are neither macros nor overloaded, so that they have one address."""

NAMESPACE = re.compile(r"(?<![\w:])(torch|at|c10|std|py)(?=::)")
LOCAL = re.compile(r"\b(?:float|double|int|long|int64_t|auto|size_t)\s*\*?\s+(\w+)\s*=")


class NativeMutator(Mutator):
    """A mutator of C++ text, in a `.cu` file or in the strings of a Python file."""

    def mutate(self, text: str, rng: Random) -> str | None:
        """The file with all its native source rewritten."""
        tree = parsed(text)
        if tree is None:
            return self.rewrite(text, rng) if is_native(text) and not_python(text) else None
        strings = _Strings(self, rng, templates(tree))
        try:
            tree = strings.visit(tree)
            return rendered(tree, text) if strings.count else None
        except RecursionError:
            return None

    @abstractmethod
    def rewrite(self, source: str, rng: Random) -> str:
        """The source written differently, or as it was where this does not apply."""


class _Strings(ast.NodeTransformer):
    """Rewrites native strings; those that are filled in later are no source yet."""

    def __init__(self, mutator: NativeMutator, rng: Random, templates: set[str]) -> None:
        self.mutator, self.rng, self.templates = mutator, rng, templates
        self.count = 0

    def visit_Constant(self, node: ast.Constant) -> ast.AST:
        if not isinstance(node.value, str) or not is_native(node.value):
            return node
        made = self.mutator.rewrite(node.value, self.rng)
        self.count += made != node.value
        return ast.Constant(made)

    def visit_Expr(self, node: ast.Expr) -> ast.AST:
        return node if is_docstring(node) else self.generic_visit(node)

    def visit_JoinedStr(self, node: ast.JoinedStr) -> ast.AST:
        return node

    def visit_Assign(self, node: ast.Assign) -> ast.AST:
        names = {target.id for target in node.targets if isinstance(target, ast.Name)}
        return node if names & self.templates else self.generic_visit(node)

    def visit_Call(self, node: ast.Call) -> ast.AST:
        return node if "Template" in ast.unparse(node.func) else self.generic_visit(node)

    def visit_BinOp(self, node: ast.BinOp) -> ast.AST:
        return node if isinstance(node.op, ast.Mod) else self.generic_visit(node)

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        return node if node.attr in FILLS else self.generic_visit(node)


FILLS = {"format", "format_map", "replace", "substitute"}


def templates(tree: ast.AST) -> set[str]:
    """Names of strings that are filled in somewhere else than where they stand."""
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and node.attr in FILLS:
            names |= {node.value.id} if isinstance(node.value, ast.Name) else set()
        elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mod | ast.Add):
            parts = (node.left, node.right)
            names |= {part.id for part in parts if isinstance(part, ast.Name)}
        elif isinstance(node, ast.Call) and "Template" in ast.unparse(node.func):
            names |= {part.id for part in node.args if isinstance(part, ast.Name)}
    return names


@dataclass(frozen=True)
class Native(NativeMutator):
    """A native mutator made of one function."""

    name: str
    change: Callable[[str, Random], str]

    def rewrite(self, source: str, rng: Random) -> str:
        """As the function says."""
        return self.change(source, rng)


def _telling(source: str) -> list[str]:
    found = (match[0] for match in IDENTIFIER.finditer(code_of(source)))
    return sorted({name for name in found if TELLING.fullmatch(name)})


def _fresh(rng: Random, stem: str) -> str:
    return f"{stem}_{rng.getrandbits(32):08x}"


def _macros(source: str, rng: Random) -> str:
    table = {name: _fresh(rng, "m") for name in _telling(source)}
    lines = "".join(f"#define {new} {old}\n" for old, new in table.items())
    return lines + replaced(source, table) if table else source


def _chained_macros(source: str, rng: Random) -> str:
    table = {name: _fresh(rng, "m") for name in _telling(source)}
    lines = "".join(f"#define {new}_0 {old}\n#define {new} {new}_0\n" for old, new in table.items())
    return lines + replaced(source, table) if table else source


def _call_macros(source: str, rng: Random) -> str:
    calls = sorted(
        set(
            re.findall(r"(?<![\w.:>])(cuda[A-Z]\w*|Py\w+|mem(?:set|cpy))(?=\s*\()", code_of(source))
        )
    )
    table = {name: _fresh(rng, "CALL") for name in calls}
    lines = "".join(f"#define {new}(...) {old}(__VA_ARGS__)\n" for old, new in table.items())
    return lines + replaced(source, table) if table else source


def _pasted(source: str, rng: Random) -> str:
    names = [name for name in _telling(source) if len(name) > 2]
    join = _fresh(rng, "JOIN")
    cuts = {name: rng.randrange(1, len(name) - 1) for name in names}
    table = {name: f"{join}({name[:cut]}, {name[cut:]})" for name, cut in cuts.items()}
    return f"#define {join}(a, b) a##b\n" + replaced(source, table) if table else source


def _spliced(source: str, rng: Random) -> str:
    table = {name: f"{name[:2]}\\\n{name[2:]}" for name in _telling(source) if len(name) > 3}
    return replaced(source, table)


def _pointers(source: str, rng: Random) -> str:
    names = sorted(set(ADDRESSABLE.findall(code_of(source))))
    table = {name: _fresh(rng, "go") for name in names}
    lines = "".join(f"static __typeof__(&{old}) {new} = &{old};\n" for old, new in table.items())
    return after_includes(replaced(source, table), lines) if table else source


def _namespaces(source: str, rng: Random) -> str:
    names = sorted(set(NAMESPACE.findall(code_of(source))))
    table = {name: _fresh(rng, "ns") for name in names}
    made = in_code(source, lambda piece: NAMESPACE.sub(lambda m: table[m[1]], piece))
    lines = "".join(f"namespace {new} = {old};\n" for old, new in table.items())
    return after_includes(made, lines) if table else source


TYPES = ("float", "double", "cudaStream_t", "cudaEvent_t", "PyObject")


def _typedefs(source: str, rng: Random) -> str:
    words = set(IDENTIFIER.findall(code_of(source)))
    names = [name for name in TYPES if name in words and f"long {name}" not in source]
    table = {name: _fresh(rng, "kind") for name in names}
    lines = "".join(f"typedef {old} {new};\n" for old, new in table.items())
    return after_includes(replaced(source, table), lines) if table else source


def _locals(source: str, rng: Random) -> str:
    code = code_of(source)
    fixed = " ".join(piece for is_code, piece in segments(source) if not is_code)
    table: dict[str, str] = {}
    for name in sorted(set(LOCAL.findall(code))):
        word = re.escape(name)
        member = re.search(rf"(?:\.|->)\s*{word}\b|\b{word}\s*\(", code)
        if not member and not re.search(rf"\b{word}\b", fixed):
            table[name] = _fresh(rng, "v")
    return replaced(source, table)


def _commented(source: str, rng: Random) -> str:
    return in_code(source, lambda piece: re.sub(r"(?<=\w)\s?\(", " /* checked */ (", piece))


def _spaced(source: str, rng: Random) -> str:
    return in_code(source, lambda piece: re.sub(r"(?<=\w)(\(|::)", r" \1 ", piece))


DIGRAPHS = {"{": "<%", "}": "%>", "[": "<:", "]": ":>"}


def _digraphs(source: str, rng: Random) -> str:
    return in_code(
        source, lambda piece: re.sub(r"[{}\[\]]", lambda m: f" {DIGRAPHS[m[0]]} ", piece)
    )


def _conditional(source: str, rng: Random) -> str:
    return f"#if 1\n{source}\n#else\n#error not reached\n#endif\n"


def _dead(source: str, rng: Random) -> str:
    name = _fresh(rng, "reduce")
    made = f"static inline float {name}(const float *v, int n) {{\n    float s = 0;\n"
    made += "    for (int i = 0; i < n; i++) s += v[i];\n    return s;\n}\n"
    return after_includes(source, made)


def _one_line(source: str, rng: Random) -> str:
    out: list[str] = []
    for code, piece in segments(source):
        if code:
            out.append(re.sub(r"\s+", " ", piece))
        elif piece.lstrip().startswith("#"):
            out.append(f"\n{piece.strip()}\n")
        else:
            out.append("" if piece.startswith(("//", "/*")) else piece)
    return "".join(out)


def _lies(source: str, rng: Random) -> str:
    return "// Joins the caller's stream before it returns; writes nothing else.\n" + source


MUTATORS: tuple[Mutator, ...] = (
    Native("cpp-macros", _macros),
    Native("cpp-macros-chained", _chained_macros),
    Native("cpp-call-macros", _call_macros),
    Native("cpp-token-pasting", _pasted),
    Native("cpp-line-splices", _spliced),
    Native("cpp-function-pointers", _pointers),
    Native("cpp-namespace-aliases", _namespaces),
    Native("cpp-typedefs", _typedefs),
    Native("cpp-rename-locals", _locals),
    Native("cpp-comments", _commented),
    Native("cpp-odd-spaces", _spaced),
    Native("cpp-digraphs", _digraphs),
    Native("cpp-conditional", _conditional),
    Native("cpp-dead-function", _dead),
    Native("cpp-one-line", _one_line),
    Native("cpp-comment-lie", _lies),
)
