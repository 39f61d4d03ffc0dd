import torch
from task import input_t, output_t


def generate_input(rows: int, columns: int, seed: int) -> input_t:
    gen = torch.Generator()
    gen.manual_seed(seed)
    return torch.randn(rows, columns, generator=gen)


def ref_kernel(data: input_t) -> output_t:
    positive = torch.relu(data)
    return (positive * positive).sum(dim=-1)


def check_implementation(data: input_t, output: output_t) -> tuple[bool, str]:
    expected = ref_kernel(data)
    if output.shape != expected.shape:
        return False, f"shape is {tuple(output.shape)}, expected {tuple(expected.shape)}"
    if not torch.allclose(output, expected, rtol=1e-4, atol=1e-4):
        worst = (output - expected).abs().max().item()
        return False, f"values differ by up to {worst:.3g}"
    return True, ""
