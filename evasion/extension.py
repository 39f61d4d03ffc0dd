"""Python that moves into C++: an extension does what a statement did."""

import ast
from dataclasses import dataclass
from random import Random

from integrity.evasion.attributes import Sites, chain
from integrity.evasion.modules import after_imports, expression, fresh, imported, runs
from integrity.evasion.modules import statements as code
from integrity.evasion.mutator import Mutator, TreeMutator

HEAD = "#include <torch/extension.h>\n#include <pybind11/eval.h>\n#include <thread>\n"


def _load(module: str, functions: list[str], source: str) -> list[ast.stmt]:
    """Statements that compile the source into `module`."""
    return code(
        "from torch.utils.cpp_extension import load_inline\n"
        f"{module} = load_inline(name={module!r}, cpp_sources=[{HEAD + source!r}], "
        f"functions={functions})"
    )


def path_of(base: ast.expr, origins: dict[str, str]) -> str:
    """A C++ expression for something imported; empty for anything else."""
    root, parts = chain(base)
    if root not in origins:
        return ""
    module, _, member = origins[root].partition(":")
    steps = [member, *parts] if member else parts
    return f'py::module_::import("{module}")' + "".join(f'.attr("{step}")' for step in steps)


@dataclass(frozen=True)
class StoredByExtension(TreeMutator):
    """`time.perf_counter = f` becomes `extension.install(f)`."""

    name: str
    statement: str
    """C++ that does it: `{base}` is a `py::object`, `{attribute}` bare, `value` the parameter."""

    def rewrite(self, tree: ast.Module, rng: Random) -> ast.Module | None:
        """Module-level assignments to attributes, and `setattr` with a literal name."""
        place = after_imports(tree)
        module = fresh(rng, "fast")
        origins = imported(tree.body[:place])
        functions: dict[str, str] = {}
        for index, node in enumerate(tree.body[place:], place):
            store = store_of(node)
            if store is None:
                continue
            base, attribute, value = store
            named = path_of(base, origins)
            function = f"install_{len(functions)}"
            done = self.statement.format(base=named or "target", attribute=attribute)
            extra = "" if named else "py::object target, "
            functions[function] = f"void {function}({extra}py::object value) {{\n    {done}\n}}\n"
            passed = "" if named else f"{ast.unparse(base)}, "
            call = f"{module}.{function}({passed}{ast.unparse(value)})"
            tree.body[index] = code(call)[0]
        if not functions:
            return None
        tree.body[place:place] = _load(module, list(functions), "".join(functions.values()))
        return tree


def store_of(node: ast.stmt) -> tuple[ast.expr, str, ast.expr] | None:
    """Object, attribute and value of a statement that sets an attribute."""
    if isinstance(node, ast.Assign) and len(node.targets) == 1:
        target = node.targets[0]
        if isinstance(target, ast.Attribute):
            return target.value, target.attr, node.value
    call = node.value if isinstance(node, ast.Expr) else None
    if not isinstance(call, ast.Call) or ast.unparse(call.func) != "setattr" or len(call.args) != 3:
        return None
    base, name, value = call.args
    if isinstance(name, ast.Constant) and isinstance(name.value, str):
        return base, name.value, value
    return None


ON_THE_HOST = {"atexit", "builtins", "gc", "inspect", "os", "socket", "sys", "threading", "time"}
"""Modules whose use tells on a kernel; the kernel's own modules stay as they are."""


class _Found(Sites):
    def __init__(self, origins: dict[str, str], module: str) -> None:
        super().__init__(set(origins))
        self.origins, self.module = origins, module
        self.functions: dict[str, str] = {}

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        found = self.applies(node) and isinstance(node.ctx, ast.Load)
        path = path_of(node, self.origins) if found else ""
        if not path:
            return self.generic_visit(node)
        function = self.functions.setdefault(path, f"find_{len(self.functions)}")
        return expression(f"{self.module}.{function}()")


class FoundByExtension(TreeMutator):
    """`gc.get_objects` becomes `extension.find()`, which looks it up from C++."""

    name = "extension-looks-up"

    def rewrite(self, tree: ast.Module, rng: Random) -> ast.Module | None:
        """Everything read from the modules of the host."""
        place = after_imports(tree)
        module = fresh(rng, "fast")
        origins = imported(tree.body[:place])
        host = {n: o for n, o in origins.items() if o.split(":")[0].split(".")[0] in ON_THE_HOST}
        finder = _Found(host, module)
        later = [finder.visit(node) for node in tree.body[place:]]
        if not finder.functions:
            return None
        source = "".join(
            f"py::object {function}() {{\n    return {path};\n}}\n"
            for path, function in finder.functions.items()
        )
        tree.body[place:] = [*_load(module, [*finder.functions.values()], source), *later]
        return tree


SPAWN = """\
void spawn(py::function work) {
    auto *held = new py::function(work);
    std::thread([held]() {
        py::gil_scoped_acquire gil;
        (*held)();
        delete held;
    }).detach();
}
"""
"""The function is held by a pointer so that its count only changes under the GIL."""


class _Threads(ast.NodeTransformer):
    def __init__(self, module: str) -> None:
        self.module = module
        self.count = 0

    def visit_Expr(self, node: ast.Expr) -> ast.AST:
        made = self._spawned(node.value)
        if made is None:
            return self.generic_visit(node)
        self.count += 1
        return ast.Expr(made)

    def _spawned(self, started: ast.expr) -> ast.expr | None:
        """`Thread(target=f, ...).start()` as a call of the extension."""
        if not isinstance(started, ast.Call) or not isinstance(started.func, ast.Attribute):
            return None
        made = started.func.value
        if started.func.attr != "start" or not isinstance(made, ast.Call):
            return None
        keywords = {each.arg: each.value for each in made.keywords}
        if "Thread" not in ast.unparse(made.func) or "target" not in keywords:
            return None
        given = keywords.get("args", ast.Tuple([], ast.Load()))
        work = f"lambda: ({ast.unparse(keywords['target'])})(*{ast.unparse(given)})"
        return expression(f"{self.module}.spawn({work})")


class ThreadByExtension(TreeMutator):
    """`Thread(target=f).start()` becomes a detached `std::thread`."""

    name = "extension-thread"

    def rewrite(self, tree: ast.Module, rng: Random) -> ast.Module | None:
        """Threads that are started where they are made."""
        place = after_imports(tree)
        module = fresh(rng, "fast")
        threads = _Threads(module)
        tree = threads.visit(tree)
        if not threads.count:
            return None
        tree.body[place:place] = _load(module, ["spawn"], SPAWN)
        return tree


class ExecutedByExtension(TreeMutator):
    """The statements that act are executed by C++, in this module's globals."""

    name = "extension-executes"

    def rewrite(self, tree: ast.Module, rng: Random) -> ast.Module | None:
        """Each group of neighbouring statements after the imports."""
        place = after_imports(tree)
        module = fresh(rng, "fast")
        functions: dict[str, str] = {}
        body: list[ast.stmt] = []
        for active, group in runs(tree.body[place:]):
            if not active:
                body += group
                continue
            function = f"step_{len(functions)}"
            text = ast.unparse(ast.Module(group, []))
            functions[function] = (
                f'void {function}() {{\n    py::exec(R"PY(\n{text}\n)PY", py::globals());\n}}\n'
            )
            body += code(f"{module}.{function}()")
        if not functions:
            return None
        tree.body[place:] = [*_load(module, list(functions), "".join(functions.values())), *body]
        return tree


MUTATORS: tuple[Mutator, ...] = (
    StoredByExtension("extension-attr", '{base}.attr("{attribute}") = value;'),
    StoredByExtension("extension-setattr", 'py::setattr({base}, "{attribute}", value);'),
    StoredByExtension(
        "extension-c-api",
        "py::object place = {base};\n"
        '    PyObject_SetAttrString(place.ptr(), "{attribute}", value.ptr());',
    ),
    StoredByExtension(
        "extension-method",
        '{base}.attr("__setattr__")("{attribute}", value);',
    ),
    FoundByExtension(),
    ThreadByExtension(),
    ExecutedByExtension(),
)
