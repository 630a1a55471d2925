"""Memory between models: what one leaves behind goes back to the system before the next comes."""

import ctypes
import gc
import sys


def release_memory() -> None:
    """Collect cycles, and return freed memory that the C library would keep (glibc's malloc_trim).

    After training it keeps more than a gigabyte, which would count on top of what evaluation needs.
    """
    gc.collect()  # a model and its optimiser's state lie in cycles
    if sys.platform == "linux":
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
        if trim is not None:
            trim(0)
