"""Methods that a class is given after its body.

`ModelNew.forward = method` gets a `forward` in the class that calls `method`, so that no rule needs
to know that spelling. What was there before moves to another name, with whatever still reads it.
"""

from __future__ import annotations

import ast
import copy
from typing import TYPE_CHECKING

from integrity.rules.scopes import Class

if TYPE_CHECKING:
    from integrity.rules.source import Source

MAX_METHODS = 32
BEFORE = "_before_it_was_assigned"


def assigned_methods(source: Source) -> bool:
    """Put such methods where they would stand; whether there were any."""
    wanted = [
        (statement, target)
        for statement in source.layout.nodes(ast.Assign)
        if not source.layout.place[statement].guarded and not hasattr(statement, "plain")
        for target in statement.targets
        if isinstance(target, ast.Attribute) and _owner(source, target)
    ]
    return any([_put(source, *each) for each in wanted[:MAX_METHODS]])


def _owner(source: Source, target: ast.Attribute) -> Class | None:
    """The submission's class whose attribute that is."""
    classes = source.layout.classes
    return next((classes[name] for name in sorted(source.names(target.value)) if name in classes),
                None)  # fmt: skip


def _put(source: Source, statement: ast.Assign, target: ast.Attribute) -> bool:
    owner = _owner(source, target)
    method = _method(source, target.attr, statement.value)
    if owner is None or method is None:
        return False
    statement.plain = True  # type: ignore[attr-defined]
    _rename(source, owner, target.attr)
    for part in ast.walk(method):
        if isinstance(part, ast.expr | ast.stmt | ast.arg) and not hasattr(part, "lineno"):
            ast.copy_location(part, statement)
    owner.node.body.append(method)
    return True


def _method(source: Source, name: str, value: ast.expr) -> ast.FunctionDef | None:
    """`def name(...): return value(...)`, with the parameters of what is assigned; or the lambda's
    own expression."""
    if isinstance(value, ast.Lambda):
        given: ast.arguments | None = value.args
    else:
        functions = (source.function(path) for path in sorted(source.names(value)))
        nodes = (function.node for function in functions if function)
        given = next((n.args for n in nodes if not isinstance(n, ast.Module)), None)
    if given is None:
        return None
    parameters = copy.deepcopy(given)
    call = ast.Call(copy.deepcopy(value), _handed_on(parameters), [])
    answer = copy.deepcopy(value.body) if isinstance(value, ast.Lambda) else call
    return ast.FunctionDef(name, parameters, [ast.Return(answer)], [])


def _handed_on(parameters: ast.arguments) -> list[ast.expr]:
    plain = [*parameters.posonlyargs, *parameters.args, *parameters.kwonlyargs]
    names: list[ast.expr] = [ast.Name(each.arg, ast.Load()) for each in plain]
    if parameters.vararg:
        names.append(ast.Starred(ast.Name(parameters.vararg.arg, ast.Load()), ast.Load()))
    return names


def _rename(source: Source, owner: Class, name: str) -> None:
    """The method of that name, and everything that reads it from the class."""
    for item in owner.node.body:
        if isinstance(item, ast.FunctionDef | ast.AsyncFunctionDef) and item.name == name:
            item.name = name + BEFORE
            for read in source.layout.nodes(ast.Attribute):
                of_class = read.attr == name and isinstance(read.ctx, ast.Load)
                if of_class and owner.path in source.names(read.value):
                    read.attr = name + BEFORE
