"""The device's part of a CUDA source: what compiles without torch's headers.

One pass over the text, with no regular expression that could look twice at a character.
"""

from collections.abc import Iterator

_DEVICE = ("__global__", "__device__", "__constant__", "__managed__")
_DECLARES = (
    "template", "struct", "union", "enum", "class", "using", "typedef", "constexpr",
    "static constexpr", "inline constexpr", "static const", "const int", "const float",
)  # fmt: skip
_HOST_ONLY = ("torch::", "at::", "c10::", "py::", "PYBIND11_MODULE", "TORCH_LIBRARY", "ATen")
_HOST_HEADERS = ("torch", "ATen", "c10", "pybind11", "Python.h", "cublas", "cudnn", "cutlass")


def device_part(text: str) -> str:
    """The preprocessor's lines, device functions, types and constants of a source."""
    return "".join(map(_kept, _chunks(_without_comments(text))))


def instantiations(text: str) -> list[str]:
    """`kernel<128>` for every `kernel<128><<<`: without its launch a template is no code."""
    found: list[str] = []
    place = text.find("<<<")
    while place >= 0 and len(found) < 32:
        if text[place - 1 : place] == ">" and (start := _opening(text, place - 1)) is not None:
            name = _name_before(text, start)
            arguments = text[start:place].replace("scalar_t", "float")
            if name and name + arguments not in found:
                found.append(name + arguments)
        place = text.find("<<<", place + 3)
    return found


def _opening(text: str, closing: int) -> int | None:
    """The `<` that belongs to that `>`, at most 200 characters before it."""
    depth = 0
    for place in range(closing, max(closing - 200, -1), -1):
        depth += (text[place] == ">") - (text[place] == "<")
        if depth == 0:
            return place
    return None


def _name_before(text: str, end: int) -> str:
    start = end
    while start and (text[start - 1].isalnum() or text[start - 1] in "_:"):
        start -= 1
    return text[start:end]


def _kept(chunk: str) -> str:
    bare = chunk.strip()
    if bare.startswith("#"):
        host = bare.startswith("#include") and any(name in bare for name in _HOST_HEADERS)
        return "" if host else f"\n{bare}\n"
    opened = chunk.find("{")
    if opened >= 0 and bare.startswith(("namespace", 'extern "C" {', 'extern "C"{')):
        closed = chunk.rfind("}")
        return f"{chunk[: opened + 1]}{device_part(chunk[opened + 1 : closed])}}}\n"
    if any(word in chunk for word in _HOST_ONLY):
        return ""
    is_wanted = bare.startswith(_DECLARES) or any(word in chunk for word in _DEVICE)
    return chunk if is_wanted else ""


def _without_comments(text: str) -> str:
    """A comment may name what only the host has."""
    pieces = []
    start = place = 0
    while place < len(text):
        end = max(_over(text, place), place + 1)
        if text.startswith(("//", "/*"), place):
            pieces += [text[start:place], "\n" if text[place + 1] == "/" else " "]
            start = end
        place = end
    return "".join([*pieces, text[start:]])


def _chunks(text: str) -> Iterator[str]:
    """Top-level declarations and preprocessor lines, one after another."""
    start = place = depth = 0
    while place < len(text):
        skipped = _over(text, place)
        if skipped > place:
            is_directive = text[place] == "#"
            if is_directive and depth == 0:
                yield text[start:place]
                yield text[place:skipped]
                start = skipped
            place = skipped
            continue
        character = text[place]
        depth += (character == "{") - (character == "}")
        place += 1
        ends = character == ";" or (character == "}" and not _goes_on(text, place))
        if depth <= 0 and ends:
            yield text[start:place]
            start, depth = place, 0
    yield text[start:]


def _goes_on(text: str, place: int) -> bool:
    """Whether a closed brace is followed by the `;` that ends a type or an initialiser."""
    while place < len(text) and text[place].isspace():
        place += 1
    return place < len(text) and text[place] in ";,"


def _over(text: str, place: int) -> int:
    """Where the comment, literal or preprocessor line that begins here ends; else `place`."""
    if text.startswith("//", place):
        return _find(text, "\n", place)
    if text.startswith("/*", place):
        return _find(text, "*/", place + 2)
    if text.startswith('R"(', place):
        return _find(text, ')"', place + 3)
    if text[place] == '"' or (text[place] == "'" and not text[place - 1 : place].isalnum()):
        return _literal(text, place)
    if text[place] == "#":
        return _directive(text, place)
    return place


def _find(text: str, what: str, place: int) -> int:
    found = text.find(what, place)
    return len(text) if found < 0 else found + len(what)


def _literal(text: str, place: int) -> int:
    quote, place = text[place], place + 1
    while place < len(text) and text[place] not in (quote, "\n"):
        place += 2 if text[place] == "\\" else 1
    return place + 1


def _directive(text: str, place: int) -> int:
    end = _find(text, "\n", place)
    while text[end - 2 : end] == "\\\n" and end < len(text):
        end = _find(text, "\n", end)
    return end
