"""Whether a submission runs on a CPU only through an interpreter, whose time means nothing."""

import ast


def runs_interpreted(text: str) -> str:
    """Why its times on a CPU are meaningless; empty where they are not."""
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return ""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [node.module or ""]
        else:
            continue
        if any(name.partition(".")[0] == "triton" for name in names):
            return "Triton's interpreter gives the semantics of its kernels, not their speed"
    return ""
