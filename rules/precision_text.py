"""Where the C++ of a submission rounds float32 data to fewer bits."""

from __future__ import annotations

from collections.abc import Iterator

from integrity.rules.device_facts import DeviceCode, DeviceFunction, Slice
from integrity.rules.device_text import WORD, Piece, identifiers

HALF_TYPES = {
    "__half", "half", "half2", "__half2", "__nv_bfloat16", "__nv_bfloat162", "nv_bfloat16", "Half",
    "BFloat16", "bfloat16", "bhalf", "half_t", "bfloat16_t", "__hip_bfloat16", "hip_bfloat16",
    "__nv_fp8_e4m3", "__nv_fp8_e5m2", "Float8_e4m3fn", "Float8_e5m2", "uint16_t", "ushort",
}  # fmt: skip
TO_HALF = {
    "__float2half", "__float2half_rn", "__float2half_rz", "__float2bfloat16", "float2half",
    "__float2bfloat16_rn", "__floats2half2_rn", "__float22half2_rn", "__floats2bfloat162_rn",
    "__float22bfloat162_rn", "__nv_cvt_float_to_fp8", "__double2half",
}  # fmt: skip
FAST_MODES = {
    "CUBLAS_TF32_TENSOR_OP_MATH", "CUBLAS_COMPUTE_32F_FAST_TF32", "CUBLAS_COMPUTE_32F_FAST_16F",
    "CUBLAS_COMPUTE_32F_FAST_16BF", "CUDNN_TENSOR_OP_MATH_ALLOW_CONVERSION", "CUBLAS_COMPUTE_16F",
}  # fmt: skip
FAST_SETTERS = {
    "setAllowTF32CuBLAS",
    "setAllowTF32CuDNN",
    "setAllowFP16ReductionCuBLAS",
    "setAllowBF16ReductionCuBLAS",
    "setFloat32MatmulPrecision",
}
FAST_MARKS = ("TF32", "FAST_", "COMPUTE_16F", "ALLOW_CONVERSION")
NARROW = {
    "f16", "bf16", "f16x2", "bf16x2", "e4m3", "e5m2", "e4m3x2", "e5m2x2", "e2m1x2", "e2m3x2",
    "e3m2x2", "s8", "u8", "s4", "u4",
}  # fmt: skip
"""What PTX calls types of 16 bits and fewer."""

MULTIPLIES = {"mma", "wgmma", "tcgen05"}
BYTES_DOT = {"__dp4a", "__dp2a_lo", "__dp2a_hi"}
TO_BITS = {"__float_as_uint", "__float_as_int", "float_as_uint", "bit_cast"}
MAX_CHARACTERS = 50_000


def is_half(piece: Piece) -> bool:
    """Whether the text works on half-precision data at all."""
    return bool(piece.words & (HALF_TYPES - {"uint16_t", "ushort"}) | piece.words & {"scalar_t"})


def _is_full(function: DeviceFunction) -> bool:
    """A kernel whose data is float32 on both sides, whatever it does between."""
    pointers = [p for p in function.parameters if p.is_pointer]
    words = {word for p in pointers for word in identifiers(p.type)}
    halves = {word for p in function.parameters for word in identifiers(p.type)} & HALF_TYPES
    reads = any(p.is_const for p in pointers)
    writes = any(not p.is_const for p in pointers)
    floats = {"float", "float2", "float4"} & words
    return bool(floats) and reads and writes and not halves


def rounded_and_widened(code: DeviceCode, kernel: DeviceFunction) -> Iterator[Slice]:
    """Conversions to half in a kernel that reads and writes float32, or in what it calls."""
    if not kernel.is_kernel or not _is_full(kernel):
        return
    inside = [kernel]
    if _answers_in_full(kernel):  # a helper may be what its output is written with
        inside += [f for c in kernel.calls for f in code.by_name.get(c.last, ())[:1] if f.is_device]
    found = [c for f in inside for c in f.calls if c.last in TO_HALF and not c.in_macro]
    if found and not any(keeps_the_rest(function) for function in inside):
        yield found[0]


def in_bytes(function: DeviceFunction) -> Iterator[Slice]:
    """Products of packed bytes in a kernel whose data is float32 on both sides."""
    if function.is_kernel and _answers_in_full(function):
        yield from [call for call in function.calls if call.last in BYTES_DOT][:1]


def narrows_in_ptx(code: DeviceCode, name: str, piece: Piece) -> str:
    """What an instruction does to float32 data, if it does it in fewer bits and loses the rest."""
    parts = name.split(".")
    rounds = parts[0] == "cvt" and parts[-1] == "f32"
    if rounds and parts[-2] == "tf32":
        lossy = not is_half(piece)
        what = f"rounds float32 data with {name}"
    elif (rounds and parts[-2] in NARROW) or (parts[0] in MULTIPLIES and NARROW & set(parts)):
        kernels = [function for function in code.kernels if function.piece is piece]
        lossy = bool(kernels) and all(_answers_in_full(kernel) for kernel in kernels)
        what = (
            f"rounds float32 data with {name}"
            if rounds
            else f"multiplies with {parts[0]} in "
            f"{min(NARROW & set(parts))} what it reads as float32"
        )
    else:
        return ""
    if not lossy or any(keeps_the_rest(f) for f in code.functions if f.piece is piece):
        return ""
    return what


def _answers_in_full(function: DeviceFunction) -> bool:
    """Whether all that a kernel reads and writes is float32 or wider."""
    wide = {"float", "float2", "float4", "double", "double2"}
    pointers = (set(identifiers(p.type)) for p in function.parameters if p.is_pointer)
    return _is_full(function) and all(words & wide for words in pointers)


def narrow_accumulators(function: DeviceFunction) -> Iterator[Slice]:
    """Tensor-core fragments that add up in half, in a kernel of float32 data."""
    if "accumulator" not in function.piece.source or not _is_full(function):
        return
    for line in function.declarations:
        if "accumulator" in line.words and line.words & HALF_TYPES:
            yield line


def masked_bits(function: DeviceFunction) -> Iterator[Slice]:
    """Bits of a float that a mask cuts off, unless they are kept in a variable of their own."""
    text = function.code[:MAX_CHARACTERS]
    if not _has_cutting_mask(text) or not _reinterprets(function, text):
        return
    if not keeps_the_rest(function):
        masks = [made for made in function.assignments if _has_cutting_mask(made.text)]
        lines = [line for line in function.declarations if _has_cutting_mask(line.text)]
        yield from [*masks, *lines, *function.returns][:1]


def _has_cutting_mask(text: str) -> bool:
    if "0xff" not in text and "0xFF" not in text and ">>" not in text:
        return False
    squeezed = "".join(text.lower().split())
    return any(mark in squeezed for mark in MASKS)


MASKS = (
    *(
        f"&{equals}0x{0xFFFFFFFF << n & 0xFFFFFFFF:08x}"
        for n in range(8, 23)
        for equals in ("", "=")
    ),
    *(f">>{n})<<{n}" for n in range(8, 23)),
)
"""Masks that zero the low 8 to 22 bits; 23 leave sign and exponent, which is no rounding."""


def _reinterprets(function: DeviceFunction, text: str) -> bool:
    """Whether the masked bits are a float's: by an intrinsic, a union or a pointer cast."""
    words = set(WORD.findall(text))
    if words & TO_BITS:
        return True
    has_union = "union" in words or "union" in function.piece.words
    if has_union and "float" in function.piece.words:
        return "float" in identifiers(function.head)
    squeezed = "".join(text.split())
    return any(
        f"({kind}*)&" in squeezed or f"<{kind}&>(" in squeezed or f"<{kind}*>(&" in squeezed
        for kind in ("uint32_t", "unsigned", "int", "unsignedint", "int32_t")
    )


def keeps_the_rest(function: DeviceFunction) -> bool:
    """`low = v - high`: a split into parts loses nothing."""
    text = function.code[:MAX_CHARACTERS]
    converted = {"__half2float", "__bfloat162float", "__uint_as_float", "__low2float"}
    after_minus = {
        words[0] for part in text.split("-")[1:] if (words := WORD.findall(part.lstrip()[:40]))
    }
    if after_minus & converted:
        return True
    rounded = {
        name
        for line in function.declarations
        if line.words & (converted | TO_BITS | TO_HALF)
        for name in line.names
    }
    return bool(after_minus & rounded)
