"""Makes the test modules' shared pieces importable under `--import-mode=importlib`."""

import os
import signal
import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))
# What audits keep for the next one must not come from, or go to, the user's own folder.
os.environ["XDG_CACHE_HOME"] = str(HERE.parent / "build" / "cache")
# A shell starts its background jobs deaf to Ctrl-C; the tests that press it would test nothing.
signal.signal(signal.SIGINT, signal.default_int_handler)
