"""In which precision a base is held and computed: one rule, for loading and for predicting."""

from collections.abc import Collection
from typing import Literal

Width = Literal["float32", "bfloat16"]
FAST_ON_CPU = frozenset({"amx_bf16", "avx512_bf16"})
"""Instructions (as /proc/cpuinfo names them) by which a CPU multiplies bfloat16 faster."""


def precision(
    asked: Literal["auto", "float32", "bfloat16"], features: Collection[str], *, on_cpu: bool
) -> Width:
    """bfloat16 on GPUs and on CPUs with instructions for it; float32 elsewhere, where it is faster.

    Measured on two cores with plain AVX-512: 300 GFLOP/s in float32, 140 in bfloat16; with
    AVX512-BF16: 195 and 420.

    Args:
        asked: `train.dtype` of the brief.
        features: of the CPU, as `burnish.base.machine.cpu_features` reads them.
    """
    if asked != "auto":
        return asked
    return "bfloat16" if not on_cpu or FAST_ON_CPU.intersection(features) else "float32"
