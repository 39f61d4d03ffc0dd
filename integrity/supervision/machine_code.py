"""PTX and AMD's assembly read as facts. Untrusted text: one pass, line by line, never raises.

Sources: PTX ISA 9.0, chapters on `mma`, `wgmma`, `tcgen05.mma`, `ld`, `st`, `red`; LLVM's AMDGPU
user guide and the CDNA 3 instruction set for `v_mfma`.
"""

from collections import Counter
from dataclasses import dataclass, field

from integrity.compiled import Mma

_MAX_LINES = 400_000
_PTX_TYPES = {
    "f16", "bf16", "tf32", "f64", "f32", "e4m3", "e5m2", "e3m2", "e2m3", "e2m1", "s8", "u8", "s4",
    "u4", "b1", "s32",
}  # fmt: skip
_MFMA_INPUTS = {
    "f32", "f16", "bf16", "xf32", "f64", "i8", "fp8", "bf8", "f8f6f4",
}  # fmt: skip
_NARROW_TARGETS = {"f16", "bf16", "f16x2", "bf16x2", "e4m3x2", "e5m2x2"}
_BYTES = {"b8": 1, "b16": 2, "b32": 4, "b64": 8, "u8": 1, "f32": 4, "f64": 8, "u32": 4, "s32": 4}


@dataclass(slots=True)
class Entry:
    """One kernel's instructions."""

    name: str = ""
    loads: int = 0
    """From global or generic memory."""

    stores: int = 0
    narrowings: int = 0
    """Conversions to 16 bits or fewer."""

    shared_bytes: int = 0
    """Declared in the text; what a launch adds is not in it."""

    mma: list[Mma] = field(default_factory=list)


def read_ptx(text: str) -> list[Entry]:
    """Every `.entry` of a PTX module; device functions count for all of them."""
    common = Entry()
    entries: list[Entry] = []
    found: dict[int, Counter[tuple[str, str]]] = {}
    current = common
    for line in text.split("\n", _MAX_LINES)[:_MAX_LINES]:
        words = line.split(None, 8)
        if ".entry" in words[:3]:
            current = Entry(_name_after(words, ".entry"))
            entries.append(current)
        elif ".func" in words[:3]:
            current = common
        elif words:
            _take_ptx(current, words, found.setdefault(id(current), Counter()))
    for entry in entries:
        counted = found.get(id(entry), Counter()) + found.get(id(common), Counter())
        entry.mma = [Mma(i, a, count=n) for (i, a), n in sorted(counted.items())]
        entry.loads += common.loads
        entry.stores += common.stores
        entry.narrowings += common.narrowings
        entry.shared_bytes += common.shared_bytes
    return entries


def _name_after(words: list[str], what: str) -> str:
    place = words.index(what) + 1
    return words[place].rstrip("(")[:200] if place < len(words) else ""


def _take_ptx(entry: Entry, words: list[str], mma: Counter[tuple[str, str]]) -> None:
    while words and (words[0].startswith("@") or words[0] == "{"):
        words = words[1:]
    if not words:
        return
    parts = words[0].rstrip(";").split(".")
    match parts[0]:
        case "ld" | "ldu" | "tex" | "cp" if not {"param", "shared", "local", "const"} & set(
            parts[1:2]
        ):
            entry.loads += not _is_bookkeeping(parts)
            entry.stores += parts[0] == "cp" and "bulk" in parts and "global" in parts[:6]
        case "st" | "red" | "atom" | "multimem" if not {"shared", "local", "param"} & set(parts):
            entry.stores += 1
        case "cvt" if len(parts) > 2 and _NARROW_TARGETS & set(parts[1:-1]):
            entry.narrowings += 1
        case "wmma" if not {"mma", "shared"} & set(parts):
            entry.loads += "load" in parts
            entry.stores += "store" in parts
        case "mma" | "wgmma" | "tcgen05" | "wmma":
            _multiply_ptx(parts, mma)
        case "" if ".shared" in words[:3]:
            entry.shared_bytes += _declared(words)
        case "call":  # into what is not in this text
            entry.loads += 1
            entry.stores += 1


def _is_bookkeeping(parts: list[str]) -> bool:
    """`cp.async.commit_group` and its like move nothing."""
    return parts[0] == "cp" and any("group" in part or "mbarrier" in part for part in parts)


def _multiply_ptx(parts: list[str], mma: Counter[tuple[str, str]]) -> None:
    if parts[0] == "tcgen05":
        if "mma" in parts:
            kinds = [part.partition("::")[2] for part in parts if part.startswith("kind::")]
            mma[(kinds or ["unknown"])[0], "f32"] += 1
        return
    if parts[0] in ("wgmma", "wmma") and not {"mma_async", "mma"} & set(parts[1:]):
        return  # fences, loads and stores
    types = [part for part in parts if part in _PTX_TYPES]
    if len(types) >= 3:  # mma: D, A, B, C; wgmma: D, A, B
        mma[types[1], types[0]] += 1
    elif len(types) == 2:  # wmma.mma on f16: D, C
        mma["f16", types[0]] += 1


def _declared(words: list[str]) -> int:
    """Bytes of `.shared .align 4 .b8 name[1024];`."""
    name = next((word for word in words if "[" in word), "")
    size = name.partition("[")[2].partition("]")[0]
    width = next((_BYTES[w[1:]] for w in words if w[1:] in _BYTES), 1)
    return int(size) * width if size.isascii() and size.isdigit() and len(size) < 10 else 0


def read_amdgcn(text: str) -> Entry:
    """The instructions of one kernel for an AMD GPU."""
    entry = Entry()
    mma: Counter[tuple[str, str]] = Counter()
    for line in text.split("\n", _MAX_LINES)[:_MAX_LINES]:
        word = line.strip().partition(" ")[0]
        if word.startswith(("global_load", "buffer_load", "flat_load")):
            entry.loads += 1
        elif word.startswith(("global_store", "buffer_store", "flat_store")) or (
            "_atomic_" in word and not word.startswith("ds_")
        ):
            entry.stores += 1
        elif word.startswith(("v_mfma_", "v_smfmac_")):
            _multiply_amd(word.split("_"), mma)
    entry.mma = [Mma(i, a, count=n) for (i, a), n in sorted(mma.items())]
    return entry


def _multiply_amd(parts: list[str], mma: Counter[tuple[str, str]]) -> None:
    """`v_mfma_f32_32x32x8_f16`, `v_mfma_f32_16x16x32_fp8_bf8`, `v_mfma_f32_4x4x4_16b_bf16_1k`."""
    inputs = [part for part in parts[3:] if part in _MFMA_INPUTS or part.startswith("bf16")]
    if len(parts) > 3:
        joined = parts[3].lstrip("0123456789x")
        inputs = inputs or [joined] * bool(joined)  # `32x32x8f16`, as older assemblers spell it
        mma[(inputs or ["unknown"])[0][:10], parts[2][:10]] += 1
