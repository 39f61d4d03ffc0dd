"""C++ and CUDA without anything that speaks to a reader, line by line.

Comments go, long strings and prose in dead text become placeholders, and what the text declares
gets other names. Names of CUDA, torch and the standard library stay, even where the text declares
them: a hack that shadows one must not vanish by it.
"""

import re

from integrity.judge.words import Names, is_prose
from integrity.rules.device_text import COMMENT_OR_STRING, WORD

KEYWORDS = {
    "alignas", "auto", "bool", "break", "case", "catch", "char", "class", "const", "constexpr",
    "continue", "default", "define", "delete", "do", "double", "elif", "else", "endif", "enum",
    "explicit", "extern", "false", "float", "for", "goto", "half", "if", "ifdef", "ifndef",
    "include", "inline", "int", "int64_t", "int8_t", "long", "namespace", "new", "nullptr",
    "operator", "pragma", "private", "protected", "public", "register", "reinterpret_cast",
    "return", "short", "signed", "sizeof", "size_t", "static", "static_cast", "struct",
    "switch", "template", "this", "throw", "true", "try", "typedef", "typename", "uint32_t",
    "uint64_t", "uint8_t", "undef", "union", "unroll", "unsigned", "using", "virtual", "void",
    "volatile", "while",
}  # fmt: skip
LIBRARY = re.compile(
    r"(?:cuda|cublas|cudnn|cusparse|cufft|curand|cutlass|nvrtc|hip|roc|at_|c10|torch|std|tensor|pthread"
    r"|Py|TORCH|PYBIND|AT_|C10)|cu[A-Z]|__|_mm|mma|wmma|dim3|float[234]|blockIdx|threadIdx|blockDim"
    r"|gridDim|warpSize|main$"
)
DECLARED = re.compile(
    r"([A-Za-z_]\w*+|[>*&])[ \t]*+(?<![\w.:])([A-Za-z_]\w*+)[ \t]*+(?=[=;,()\[{:])", re.ASCII
)
NOT_TYPES = {
    "case", "delete", "else", "goto", "new", "return", "sizeof", "throw", "using", "namespace",
}  # fmt: skip
NAME = re.compile(r"(\.|->)?([A-Za-z_]\w*+)", re.ASCII)
MACRO = re.compile(r"^[ \t]*+#[ \t]*+define[ \t]++([A-Za-z_]\w*+)", re.ASCII | re.MULTILINE)
SENTENCE = re.compile(r"[A-Za-z_]\w*+(?:[ \t,;.!:]++[A-Za-z_]\w*+){4,}", re.ASCII)
"""Five words with nothing between them that C++ would put there; commas are checked below."""


def plain_device_code(text: str) -> list[tuple[str, int]]:
    """What is left of each line that is not empty then, with its number in the text, from 1."""
    silent = COMMENT_OR_STRING.sub(_silenced, _without_dead_lines(text))
    names = Names(KEYWORDS)
    for word in _declared(silent):
        names.bind(word, "v")
    rows = []
    for number, line in enumerate(silent.split("\n"), start=1):
        spoken = SENTENCE.sub(_sentence, line)
        renamed = NAME.sub(lambda match: _renamed(match, names), spoken).rstrip()
        ascii_only = "".join(c if c.isascii() else "?" for c in renamed)
        if ascii_only.strip():
            rows.append((ascii_only, number))
    return rows


def _declared(text: str) -> list[str]:
    found = [match[1] for match in MACRO.finditer(text)]
    found += [m[2] for m in DECLARED.finditer(text) if m[1] not in NOT_TYPES]
    return [word for word in found if not LIBRARY.match(word)]


def _renamed(match: re.Match[str], names: Names) -> str:
    """A member keeps its name: it is rarely the submission's own."""
    member, word = match[1] or "", match[2]
    return member + (names.foreign(word) if member else names.of(word))


def _silenced(match: re.Match[str]) -> str:
    """A comment as its line breaks; a string as itself, where it is only a name."""
    whole = match[0]
    if whole.startswith(("//", "/*")):
        return "\n" * whole.count("\n") or " "
    inside = whole.strip("\"'")
    if not is_prose(inside):
        return whole
    return f'"<text, {len(inside)} characters>"' + "\n" * whole.count("\n")


def _sentence(match: re.Match[str]) -> str:
    """Prose as a placeholder; a declaration with many words, or a list of arguments, as it is."""
    words = WORD.findall(match[0])
    plain = [word for word in words if word not in KEYWORDS]
    commas = match[0].count(",")
    if len(plain) >= 4 and commas * 2 < len(words) - 1:
        return f"<{len(words)} words>"
    return match[0]


def _without_dead_lines(text: str) -> str:
    """The text with everything between `#if 0` and its end made empty lines."""
    kept = []
    depth = 0
    for line in text.replace("\r", " ").split("\n"):
        directive = line.replace(" ", "").replace("\t", "")
        if depth:
            depth += directive.startswith("#if") - directive.startswith("#endif")
            if depth == 1 and directive.startswith(("#else", "#elif")):
                depth = 0
            kept.append("")
        elif directive.startswith(("#if0", "#iffalse", "#if(0)")):
            depth = 1
            kept.append("")
        else:
            kept.append(line)
    return "\n".join(kept)
