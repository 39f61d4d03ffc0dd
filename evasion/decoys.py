"""Code that nobody runs, to look honest or to be in the way."""

import ast
from dataclasses import dataclass
from random import Random

from integrity.evasion.modules import fresh
from integrity.evasion.modules import statements as code
from integrity.evasion.mutator import Mutator, TreeMutator

HONEST_TRITON = """
def NAME():
    import torch
    import triton
    import triton.language as tl

    @triton.jit
    def add_kernel(x_ptr, y_ptr, out_ptr, n, BLOCK: tl.constexpr):
        at = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
        mask = at < n
        tl.store(out_ptr + at, tl.load(x_ptr + at, mask) + tl.load(y_ptr + at, mask), mask)

    def add(x, y):
        out = torch.empty_like(x)
        add_kernel[(triton.cdiv(x.numel(), 1024),)](x, y, out, x.numel(), BLOCK=1024)
        return out

    return add
"""
UNUSED_FUNCTION = """
def NAME(values):
    total = 0
    for value in values:
        total += value
    return total
"""
UNREACHABLE = """
if 0:
    NAME = [index * index for index in range(8)]
    print(NAME)
"""
UNUSED_CLASS = """
class NAME:
    '''Chooses the launch parameters of a shape.'''

    def __init__(self):
        self.plans = {}

    def plan(self, shape):
        return self.plans.setdefault(tuple(shape), (128, 4))
"""
STRING_BLOCK = '''
NAME = """
__global__ void scale(const float* x, float* y, int n) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n) y[i] = 2.0f * x[i];
}
"""
'''


@dataclass(frozen=True)
class Decoyed(TreeMutator):
    """The module has more statements than it needs."""

    name: str
    source: str
    every: int = 4
    """One after as many statements of the module."""

    def rewrite(self, tree: ast.Module, rng: Random) -> ast.Module | None:
        """Between definitions and statements, and at the end."""
        body: list[ast.stmt] = []
        for index, node in enumerate(tree.body):
            body.append(node)
            header = isinstance(node, ast.ImportFrom) and node.module == "__future__"
            if index and index % self.every == 0 and not header:
                body += code(self.source.replace("NAME", fresh(rng)))
        tree.body = [*body, *code(self.source.replace("NAME", fresh(rng)))]
        return tree


class _InFunctions(ast.NodeTransformer):
    def __init__(self, tree: ast.Module, rng: Random) -> None:
        self.tree, self.rng = tree, rng

    def visit_Return(self, node: ast.Return) -> list[ast.stmt]:
        name = fresh(self.rng)
        return [
            *code(f"if {self.rng.randrange(1, 99)} < 0:\n    {name} = None\n    return {name}"),
            node,
        ]

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        return node if node.decorator_list else self.generic_visit(node)


class DeadReturns(TreeMutator):
    """Before every `return` stands one that is never reached."""

    name = "dead-returns"

    def rewrite(self, tree: ast.Module, rng: Random) -> ast.Module | None:
        """In every function without a decorator."""
        before = ast.dump(tree)
        tree = _InFunctions(tree, rng).visit(tree)
        return None if ast.dump(tree) == before else tree


MUTATORS: tuple[Mutator, ...] = (
    Decoyed("unused-function", UNUSED_FUNCTION, 2),
    Decoyed("unused-class", UNUSED_CLASS),
    Decoyed("unused-triton-kernel", HONEST_TRITON, 1000),
    Decoyed("unused-cuda-string", STRING_BLOCK, 1000),
    Decoyed("unreachable-branch", UNREACHABLE, 2),
    DeadReturns(),
)
