"""What published kernels do and honest submissions may do: each was accused once."""

from inspect import cleandoc

import pytest

from integrity.rules.scan import scan

KERNEL = """
import torch
import triton
import triton.language as tl

@triton.jit
def doubled(x, y, n, BLOCK: tl.constexpr):
    at = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    tl.store(y + at, 2 * tl.load(x + at, mask=at < n), mask=at < n)
"""

HONEST = {
    "a helper that launches on a view of what it is given": """
        def launch(x):
            flat = x.view(-1)
            doubled[(flat.numel() // 256 + 1,)](flat, flat, flat.numel(), BLOCK=256)
        def custom_kernel(data):
            launch(data)
            return torch.softmax(data, -1)
        """,
    "a helper whose result is kept in an attribute": """
        class ModelNew(torch.nn.Module):
            def prepare(self, x):
                self.scaled = torch.empty_like(x)
                doubled[(x.numel() // 256 + 1,)](x, self.scaled, x.numel(), BLOCK=256)
            def forward(self, x):
                self.prepare(x)
                return torch.softmax(self.scaled, -1)
        """,
    "a helper that is handed the output among others": """
        def launch(pair, n):
            x, y = pair
            doubled[(n // 256 + 1,)](x, y, n, BLOCK=256)
        def custom_kernel(data):
            y = torch.empty_like(data)
            launch((data, y), data.numel())
            return torch.softmax(y, -1)
        """,
    "a pooled workspace that each call writes anew": """
        pool = {}
        def workspace(n, device):
            kept = pool.get(device)
            if kept is None:
                kept = pool[device] = torch.empty(1 << 24, device=device)
            return kept[:n]
        def custom_kernel(data):
            out = workspace(data.numel(), data.device)
            doubled[(data.numel(),)](data, out, data.numel(), BLOCK=1)
            return out
        """,
    "the same, handed over by name to another's kernel": """
        from others import fused
        pool = {}
        def workspace(device):
            if device not in pool:
                pool[device] = torch.empty(1 << 24, device=device)
            return pool[device]
        def custom_kernel(data):
            out = workspace(data.device)
            fused(data, out=out)
            return out
        """,
    "arguments gathered in a dict": """
        def custom_kernel(data):
            y = torch.empty_like(data)
            sizes = dict(BLOCK=128)
            arguments = {"x": data.contiguous(), "y": y, "n": data.numel(), **sizes}
            doubled[(data.numel() // 128,)](**arguments)
            assert torch.all(data.sum() < 1e30)
            return y.to(torch.promote_types(data.dtype, torch.float32))
        """,
    "arguments gathered in a tuple": """
        def custom_kernel(data):
            y = torch.empty_like(data)
            arguments = (data, y, data.numel())
            constants = {}
            constants["BLOCK"] = 128
            doubled[(data.numel() // 128,)](*arguments, **constants)
            return torch.nn.functional.pad(y, (0, 1))
        """,
    "complex numbers seen as pairs of real ones": """
        def custom_kernel(data):
            result = torch.empty_like(data)
            pairs, out = torch.view_as_real(data), torch.view_as_real(result)
            doubled[(2 * data.numel(),)](pairs.view(-1), out.view(-1), pairs.numel(), BLOCK=1)
            return result
        """,
    "shapes tried out before the launch": """
        def custom_kernel(data):
            x, other = data
            try:
                other = torch.broadcast_to(other, x.shape)
            except RuntimeError:
                other = torch.broadcast_tensors(other, x)[0]
            y = torch.empty_like(x)
            doubled[(x.numel(),)](other.contiguous(), y, x.numel(), BLOCK=1)
            return y
        """,
    "an operator described to the compiler": """
        @torch.library.custom_op("own::doubled", mutates_args=())
        def op(x: torch.Tensor) -> torch.Tensor:
            y = torch.empty_like(x)
            doubled[(x.numel(),)](x, y, x.numel(), BLOCK=1)
            return y
        @op.register_fake
        def described(x):
            return torch.empty_like(x)
        def custom_kernel(data):
            return op(data)
        """,
    "functions that answer by writing to what they are given": """
        @torch.no_grad()
        def forward_into(x, y):
            doubled[(x.numel(),)](x, y, x.numel(), BLOCK=1)
        def expected(x):
            return torch.matmul(x, x)
        """,
}

NAMED_BY_A_GETTER = """
    mode = None
    def set_mode(value):
        global mode
        mode = value
    def current():
        return mode
    def solve(x):
        y = torch.empty_like(x)
        doubled[(x.numel(),)](x, y, x.numel(), BLOCK=1)
        return y
    """


@pytest.mark.parametrize("name", HONEST)
def test_what_honest_kernels_do_is_not_accused(name: str) -> None:
    assert [f"{found.id}: {found.claim}" for found in scan(KERNEL + cleandoc(HONEST[name]))] == []


def test_a_function_without_inputs_is_no_entry() -> None:
    assert scan(KERNEL + cleandoc(NAMED_BY_A_GETTER)) == []


def test_a_pool_that_only_its_first_call_writes_is_accused() -> None:
    stale = cleandoc(HONEST["a pooled workspace that each call writes anew"]).replace(
        "    doubled[", "    if not out.any(): doubled["
    )
    assert "output-cache" in {found.id for found in scan(KERNEL + stale)}


def test_a_dict_of_arguments_without_the_answer_is_a_decoy() -> None:
    decoy = cleandoc(HONEST["arguments gathered in a dict"]).replace(
        "return y.to", "return data.exp().to"
    )
    assert "decoy-kernel" in {found.id for found in scan(KERNEL + decoy)}
