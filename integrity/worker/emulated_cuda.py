"""CUDA C++ on a processor: `load_inline` builds kernels that one thread runs, block after block.

The text is changed as little as possible: a launch becomes a call, dynamic shared memory an
address, a CUDA device the processor. All else is in the headers of `emulated/`, which come first.
What they lack does not compile, and then nothing is said of the submission. Shared memory is kept
from block to block, and all of a launch has happened when it returns: what only goes wrong when
things happen at once does not go wrong here.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

_HEADERS = "#include <torch/extension.h>\n" + "".join(
    Path(__file__).with_name("emulated").joinpath(name).read_text()
    for name in ("launch.h", "numbers.h", "runtime.h")
)
"""Read before the sandbox closes; they go into the source, since a build's folder is not known."""

_KNOWN_INCLUDES = re.compile(
    r"^[ \t]*#[ \t]*include[ \t]*[<\"](?:cuda|cuda_runtime(?:_api)?|cuda_fp16|cuda_bf16|"
    r"device_launch_parameters|math_constants|vector_types|(?:ATen|c10)/cuda/(?:CUDAContext|"
    r"CUDAContextLight|CUDAEvent|CUDAStream|CUDAGuard|CUDAException|Exceptions|CUDAUtils|"
    r"CUDAFunctions|CUDACachingAllocator|CUDAMacros|CUDAMathCompat|Atomic|DeviceUtils))\.(?:hp?p?|cuh)[>\"]",
    re.MULTILINE,
)
_SAYS_CUDA = {
    "is_cuda": "is_cpu",
    "kCUDA": "kCPU",
    "DeviceType::CUDA": "DeviceType::CPU",
    "__noinline__": "",
}
_CUDA_WORD = re.compile(rf"\b(?:{'|'.join(_SAYS_CUDA)})\b")
_DYNAMIC = re.compile(r"\bextern\s+__shared__\s+([^;\[]*?)(\w+)\s*\[\s*\]\s*;")
_ALIGNED = re.compile(r"__align__\s*\([^)]*\)|alignas\s*\([^)]*\)")
_QUIET = re.compile(
    r"//(?:[^\n\\]|\\.)*|/\*.*?\*/|R\"(\w*)\(.*?\)\1\"|\"(?:[^\"\\\n]|\\.)*\"|'(?:[^'\\\n]|\\.)+'",
    re.DOTALL,
)
_BLANK = " \t\r\n\\"
"""Lines of macros go on after a backslash."""

_OPEN = {")": "(", ">": "<"}


class Untranslatable(Exception):
    """There is no place for it on a processor."""


def stand_in(modules: Iterable[str]) -> None:
    """Build for this processor what any of those modules has built for a GPU."""
    if not any("load_inline" in text for text in modules):
        return
    from torch.utils import cpp_extension

    where = cpp_extension._get_build_directory
    cpp_extension.load_inline = _builder(cpp_extension.load_inline, where)


def _builder(build: Callable[..., Any], where: Callable[[str, bool], str]) -> Callable[..., Any]:
    def load_inline(
        name: str,
        cpp_sources: str | Sequence[str] = "",
        cuda_sources: str | Sequence[str] | None = None,
        functions: Any = None,
        extra_cflags: Sequence[str] | None = None,
        extra_cuda_cflags: Sequence[str] | None = None,
        *rest: Any,
        **more: Any,
    ) -> Any:
        if not cuda_sources:
            return build(name, cpp_sources, None, functions, extra_cflags, *rest, **more)
        texts = [*_listed(cpp_sources), *_listed(cuda_sources)]
        defined = [flag for flag in extra_cuda_cflags or () if flag.startswith("-D")]
        source = "\n".join([_HEADERS, *map(translated, texts)])
        # A build takes half a minute. One that failed is not tried again by the next worker.
        failed = Path(where(name, False), "failed")
        if failed.exists():
            raise Untranslatable(failed.read_text())
        try:
            return build(name, [source], functions=functions, extra_cflags=["-O1", "-w", *defined])
        except RuntimeError as error:
            failed.write_text(_first_error(str(error)))
            raise Untranslatable(_first_error(str(error))) from error

    return load_inline


def _listed(sources: str | Sequence[str]) -> Sequence[str]:
    return [sources] if isinstance(sources, str) else sources


def _first_error(said: str) -> str:
    lines = [line for line in said.splitlines() if "error:" in line] or said.splitlines()[:1]
    return f"its CUDA C++ does not build for a processor: {''.join(lines[:1])[-200:]}"


def translated(text: str) -> str:
    """CUDA C++ as C++, for a compiler that has read the headers.

    Raises:
        Untranslatable: it has machine code in it, or a launch that can't be read.
    """
    text = _KNOWN_INCLUDES.sub("", text)
    if re.search(r"\basm\b", quiet(text)):
        raise Untranslatable("inline PTX runs on a GPU only")
    text = _replaced(text, _CUDA_WORD, lambda found: _SAYS_CUDA[found[0]])
    text = _replaced(text, _DYNAMIC, _dynamic)
    return _launches(text)


def quiet(text: str) -> str:
    """The same text with comments and literals blanked: places stay where they are."""
    return _QUIET.sub(lambda found: re.sub(r"[^\n]", " ", found[0]), text)


def _replaced(text: str, pattern: re.Pattern[str], by: Callable[[re.Match[str]], str]) -> str:
    done, last = [], 0
    for found in pattern.finditer(quiet(text)):
        done += [text[last : found.start()], by(found)]
        last = found.end()
    return "".join([*done, text[last:]])


def _dynamic(found: re.Match[str]) -> str:
    kind = _ALIGNED.sub("", found[1]).strip()
    return f"{kind}* {found[2]} = static_cast<{kind}*>(emulated::dynamic_shared());"


def _launches(text: str) -> str:
    """From the last to the first, so that places before it stay where they are."""
    seen = quiet(text)
    while (opened := seen.rfind("<<<")) >= 0:
        closed = seen.find(">>>", opened)
        if closed < 0:
            raise Untranslatable("a launch without an end")
        start = _name_before(seen, opened)
        first = len(seen) - len(seen[closed + 3 :].lstrip(_BLANK))
        if seen[first : first + 1] != "(":
            raise Untranslatable("a launch without arguments")
        last = _matching(seen, first)
        kernel, configuration = text[start:opened].strip(), text[opened + 3 : closed]
        arguments = text[first + 1 : last].strip(_BLANK)
        comma = ", " if arguments else ""
        call = (
            f"emulated::Launch({configuration})"
            f"([&](auto&... given) {{ {kernel}(given...); }}{comma}{arguments})"
        )
        text = text[:start] + call + text[last + 1 :]
        seen = seen[:start] + quiet(call) + seen[last + 1 :]
    return text


def _matching(seen: str, at: int) -> int:
    depth = 0
    for place in range(at, len(seen)):
        depth += (seen[place] == "(") - (seen[place] == ")")
        if depth == 0:
            return place
    raise Untranslatable("a launch without an end")


def _name_before(seen: str, end: int) -> int:
    """Where a kernel's name starts: `space::name<A, B>`, or a macro's call."""
    before = seen[:end].rstrip(_BLANK)
    if before.endswith((")", ">")):
        before = before[: _opening(before, len(before) - 1)].rstrip(_BLANK)
    name = re.search(r"(?:(?:::)?[A-Za-z_]\w*)+$|[A-Za-z_#][\w#:]*$", before)
    if name is None:
        raise Untranslatable("a launch of what has no name")
    return name.start()


def _opening(seen: str, at: int) -> int:
    """Where the bracket opens that closes there; angles within parentheses count for nothing."""
    closing, depth, round_depth = seen[at], 0, 0
    for place in range(at, -1, -1):
        character = seen[place]
        if closing == ">" and character in "()":
            round_depth += 1 if character == ")" else -1
            continue
        if closing == ">" and round_depth:
            continue
        depth += (character == closing) - (character == _OPEN[closing])
        if depth == 0:
            return place
    raise Untranslatable("a launch of what has no name")
