"""What a device can do at most: data sheets, and rates measured on the device at hand."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from math import inf

TERA, MEGA = 1e12, 2**20


@dataclass(frozen=True, slots=True)
class Rates:
    """Bytes and operations a second. What is not known is 0 or missing: no floor rests on it."""

    dram_bytes_per_s: float = 0.0
    cache_bytes_per_s: float = 0.0
    """Of the last cache before memory (L2 on a GPU)."""

    flops_per_s: Mapping[str, float] = field(default_factory=dict)
    """By torch's name of the dtype, and `tf32`; a multiply-add counts twice. Dense."""

    launch_us: float = 0.0
    """From one launch to the next on one stream, with nothing in them."""

    def at_least(self, other: "Rates") -> "Rates":
        """The larger of each rate, and the shorter launch."""
        launches = [us for us in (self.launch_us, other.launch_us) if us]
        dtypes = {*self.flops_per_s, *other.flops_per_s}
        return Rates(
            max(self.dram_bytes_per_s, other.dram_bytes_per_s),
            max(self.cache_bytes_per_s, other.cache_bytes_per_s),
            {
                dtype: max(self.flops_per_s.get(dtype, 0.0), other.flops_per_s.get(dtype, 0.0))
                for dtype in sorted(dtypes)
            },
            min(launches, default=0.0),
        )

    def times(self, factor: float) -> "Rates":
        """Faster by that factor."""
        return Rates(
            factor * self.dram_bytes_per_s,
            factor * self.cache_bytes_per_s,
            {dtype: factor * rate for dtype, rate in self.flops_per_s.items()},
            self.launch_us / factor,
        )

    def as_facts(self) -> dict[str, float | str]:
        """As a run notes them; `of_facts` is the way back."""
        return {
            "dram_bytes_per_s": self.dram_bytes_per_s,
            "cache_bytes_per_s": self.cache_bytes_per_s,
            "launch_us": self.launch_us,
            **{f"flops_{dtype}_per_s": rate for dtype, rate in self.flops_per_s.items()},
        }

    @classmethod
    def of_facts(cls, facts: Mapping[str, float | str]) -> "Rates":
        flops = {
            name.removeprefix("flops_").removesuffix("_per_s"): float(rate)
            for name, rate in facts.items()
            if name.startswith("flops_")
        }
        dram, cache, launch = (
            float(facts.get(name, 0.0))
            for name in ("dram_bytes_per_s", "cache_bytes_per_s", "launch_us")
        )
        return cls(dram, cache, flops, launch)


@dataclass(frozen=True, slots=True)
class DataSheet:
    """One accelerator as its maker describes it; rates are dense, without structured sparsity."""

    device: str
    names: tuple[str, ...]
    """What drivers call it: the first sheet with all words of one of these names is taken."""

    rates: Rates
    cache_bytes: int
    link_bytes_per_s: float
    """To other devices, both directions together."""

    source: str


def _flops(**teraflops: float) -> dict[str, float]:
    """Every dtype that shares a unit with one that is named."""
    rates = {name: number * TERA for name, number in teraflops.items()}
    rates["float16"] = rates["bfloat16"]
    if "float8_e4m3fn" in rates:
        rates["float8_e5m2"] = rates["float8_e4m3fn"]
    return rates


_HOPPER = _flops(
    float64=67, float32=67, tf32=494.7, bfloat16=989.4, float8_e4m3fn=1978.9, int8=1978.9
)
_AMPERE = _flops(float64=19.5, float32=19.5, tf32=156, bfloat16=312, int8=624)
_H100_SOURCE = (
    "NVIDIA H100 Tensor Core GPU data sheet; archive-lib.hpctech.co.jp/gpuproduct/nvidia-h100.html,"
    " glennklockwood.com/garden/processors/h100"
)
_A100_SOURCE = (
    "NVIDIA A100 data sheet (nvidia-a100-datasheet-us-nvidia-1758950-r4-web.pdf); "
    "glennklockwood.com/garden/processors/A100"
)

DATA_SHEETS = (
    DataSheet(
        "NVIDIA H200", ("H200",), Rates(4.8 * TERA, flops_per_s=_HOPPER), 50 * MEGA, 0.9 * TERA,
        "NVIDIA H200 data sheet; itkb.uw.cz/2026/06/nvidia-h200-vs-b300-precisions-cores.html; "
        "compute as H100 SXM",
    ),
    DataSheet(
        "NVIDIA H100 PCIe", ("H100 PCIe",),
        Rates(2.0 * TERA, flops_per_s=_flops(
            float64=51, float32=51, tf32=378, bfloat16=756.5, float8_e4m3fn=1513, int8=1513,
        )),
        50 * MEGA, 0.6 * TERA, _H100_SOURCE,
    ),
    DataSheet(
        "NVIDIA H100 SXM", ("H100 80GB HBM3", "H100 SXM"),
        Rates(3.35 * TERA, flops_per_s=_HOPPER), 50 * MEGA, 0.9 * TERA, _H100_SOURCE,
    ),
    DataSheet(
        "NVIDIA B200", ("B200",),
        Rates(8.0 * TERA, flops_per_s=_flops(
            float64=40, float32=80, tf32=1125, bfloat16=2250, float8_e4m3fn=4500, int8=4500,
            float4_e2m1fn_x2=9000,
        )),
        126 * MEGA, 1.8 * TERA,
        "NVIDIA Blackwell architecture brief, HGX B200 at 1,000 W; "
        "glennklockwood.com/garden/processors/B200, "
        "hmc-tech.com/gpu/nvidia-b200-vs-amd-instinct-mi300x; "
        "L2: chipsandcheese.com/p/nvidias-b200-keeping-the-cuda-juggernaut",
    ),
    DataSheet(
        "NVIDIA A100 80 GB", ("A100 80GB",),
        Rates(2.039 * TERA, flops_per_s=_AMPERE), 40 * MEGA, 0.6 * TERA, _A100_SOURCE,
    ),
    DataSheet(
        "NVIDIA A100 40 GB", ("A100 40GB",),
        Rates(1.555 * TERA, flops_per_s=_AMPERE), 40 * MEGA, 0.6 * TERA, _A100_SOURCE,
    ),
    DataSheet(
        "NVIDIA L40S", ("L40S",),
        Rates(0.864 * TERA, flops_per_s=_flops(
            float64=1.43, float32=91.6, tf32=183, bfloat16=362.05, float8_e4m3fn=733, int8=733,
        )),
        96 * MEGA, 0.064 * TERA,
        "NVIDIA L40S data sheet; mullet.se/product.html?product_id=355414, "
        "itcreations.com/nvidia-gpu/nvidia-l40s-gpu-accelerator; L2 of the whole AD102",
    ),
    DataSheet(
        "AMD Instinct MI300X", ("MI300X",),
        Rates(5.3 * TERA, flops_per_s=_flops(
            float64=163.4, float32=163.4, tf32=653.7, bfloat16=1307.4, float8_e4m3fn=2614.9,
            int8=2614.9,
        )),
        256 * MEGA, 0.896 * TERA,
        "AMD Instinct MI300X data sheet; hmc-tech.com/gpu/nvidia-b200-vs-amd-instinct-mi300x; "
        "cache: Infinity Cache, "
        "rocm.docs.amd.com/en/7.13.0-preview/reference/gpu-specs.html",
    ),
    DataSheet(
        "AMD Instinct MI355X", ("MI355X",),
        Rates(8.0 * TERA, flops_per_s=_flops(
            float64=78.6, float32=157.3, bfloat16=2516.6, float8_e4m3fn=5033.2, int8=5033.2,
            float4_e2m1fn_x2=10066.3,
        )),
        256 * MEGA, 1.075 * TERA,
        "AMD Instinct MI355X data sheet; rooflinenotes.dev/accelerators rounds to 2.5, 5 and 10 "
        "PFLOPS: 256 compute units at 2.4 GHz; cache: Infinity Cache, "
        "rocm.docs.amd.com/en/7.13.0-preview/reference/gpu-specs.html",
    ),
)  # fmt: skip
"""Every figure of a maker's in one place; docs/floors.md shows them as a table."""


def data_sheet(device: str) -> DataSheet | None:
    """The sheet of what a driver calls so; None where there is none."""
    words = {*device.replace("-", " ").split()}
    for sheet in DATA_SHEETS:
        if any(words.issuperset(name.split()) for name in sheet.names):
            return sheet
    return None


_WIDEST_LOAD_BYTES, _FASTEST_HZ = 128, 6.5e9
_WIDEST_FLOPS = {"float64": 32, "float32": 64, "float16": 2048, "bfloat16": 2048, "int8": 4096}
"""What one core does in a cycle at the very most: two loads of 512 bits; two multiply-adds of 512
bits; tile units (AMX) for the short dtypes. No core that is sold does more, or has a faster
clock."""


def core_limit(cores: int) -> Rates:
    """What no processor of that many cores does: there is no data sheet to look it up in."""
    bytes_per_s = cores * _WIDEST_LOAD_BYTES * _FASTEST_HZ
    flops = {dtype: cores * number * _FASTEST_HZ for dtype, number in _WIDEST_FLOPS.items()}
    return Rates(bytes_per_s, bytes_per_s, flops)


_SHORT = 2.0
"""How far a measured rate may fall short of what the device can do, where no data sheet says."""


@dataclass(frozen=True, slots=True)
class Peaks:
    """What floors divide by. The three rates agree on a device with a data sheet."""

    device: str
    reached: Rates
    """Was seen or is promised: the larger of measurement and data sheet. Shares are of it."""

    ceiling: Rates
    """Should not be exceeded."""

    limit: Rates
    """Can't be exceeded, by how the device is built."""

    cache_bytes: float
    """Infinite where it is not known: then everything might fit."""

    cold: bool
    """Inputs are in no cache when the clock starts: the supervisor flushed it (GPU)."""

    source: str

    @classmethod
    def of_accelerator(cls, device: str, measured: Rates, cache_bytes: float = 0.0) -> "Peaks":
        """By what its driver calls it; where nothing is known of it, nothing is a floor."""
        sheet = data_sheet(device)
        if sheet is None:
            ceiling = measured.times(_SHORT)
            return cls(device, measured, ceiling, Rates(), cache_bytes or inf, True, "measured")
        rates = sheet.rates.at_least(measured)
        cache_bytes = max(sheet.cache_bytes, cache_bytes)
        return cls(device, rates, rates, rates, cache_bytes, True, sheet.source)

    @classmethod
    def of_processor(cls, measured: Rates, cores: int, cache_bytes: float = 0.0) -> "Peaks":
        """Of that many cores. Inputs may lie in caches: another core has just written them."""
        limit = core_limit(cores).at_least(measured)
        # Memory is shared with whoever else ran while it was measured; a core's caches are not.
        ceiling = replace(measured.times(_SHORT), dram_bytes_per_s=limit.dram_bytes_per_s)
        return cls(
            "this processor", measured, ceiling, limit, cache_bytes or inf, False, "measured"
        )
