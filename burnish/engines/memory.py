"""Memory that models leave behind: it goes back to the system, and of kernels little stays.

Sets two environment variables of this process, unless they are set: torch's CPU kernels read them.
"""

import ctypes
import gc
import os
import sys

KERNELS_KEPT = 128
"""Compiled kernels that each of two caches keeps: more than the shapes of one row, all layers."""


def keep_few_kernels() -> None:
    """Bound what oneDNN and its wrapper in torch keep; takes effect before their first product.

    They compile a kernel for every shape of a product in bfloat16 and keep 1,024 each, about half a
    megabyte apiece. Rows are as long as their texts, so hardly any shape comes again.
    """
    for name in ("ONEDNN_PRIMITIVE_CACHE_CAPACITY", "LRU_CACHE_CAPACITY"):
        os.environ.setdefault(name, str(KERNELS_KEPT))


def release_memory() -> None:
    """Collect cycles, and return freed memory that the C library would keep (glibc's malloc_trim).

    After training it keeps more than a gigabyte, which would count on top of what evaluation needs.
    """
    gc.collect()  # a model and its optimiser's state lie in cycles
    if sys.platform == "linux":
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
        if trim is not None:
            trim(0)
