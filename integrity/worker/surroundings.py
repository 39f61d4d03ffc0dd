"""What a worker finds round itself: a home, its environment, compile caches."""

import os
import shutil
from pathlib import Path

import torch

from integrity.worker import wire


def settle_in(request: wire.Message) -> None:
    """A home, scratch space, compile caches; nothing on the standard streams."""
    null = os.open("/dev/null", os.O_RDWR)
    for standard in (0, 1, 2):
        os.dup2(null, standard)
    os.close(null)
    scratch = Path(request["scratch"])
    home = scratch / (f"home-{os.urandom(4).hex()}" if request["elsewhere"] else "home")
    for folder in (home, scratch / "tmp"):
        folder.mkdir(exist_ok=True)
    os.environ.update(request["environment"])
    os.environ.update(HOME=str(home), TMPDIR=str(scratch / "tmp"))
    _place_caches(scratch, request)
    os.chdir(home)
    torch.set_num_threads(request["threads"])


def _place_caches(scratch: Path, request: wire.Message) -> None:
    """Compile caches: the build worker fills the audit's, the others start from a copy of it.

    Elsewhere nothing is known of Triton's; built extensions stay, which take a minute each.
    """
    cache = request["cache"]
    inside = Path("/cache") if Path("/cache").is_dir() else Path(cache)
    own = scratch / "cache"
    if cache and request["cache_writable"]:
        own.symlink_to(inside)
    elif cache:
        left_out = shutil.ignore_patterns("triton") if request["elsewhere"] else None
        shutil.copytree(inside, own, symlinks=True, ignore=left_out, dirs_exist_ok=True)
    os.environ["TORCH_EXTENSIONS_DIR"] = str(own / "torch")
    os.environ["TRITON_CACHE_DIR"] = str(own / "triton")
