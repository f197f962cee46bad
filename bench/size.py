"""Measures the largest function together with the layer, unzipped, against what Lambda takes."""

from bench.measure import Result, at_most
from dev.build import LocalBuild, function_names, unzipped_size

LAMBDA_BYTES = 250_000_000  # Lambda's limit for a function and its layers


def measure(build: LocalBuild) -> list[Result]:
    """Sizes of the build for this machine; Lambda's wheels differ by a few hundred kilobytes."""
    sizes = {name: unzipped_size(build.function(name)) for name in function_names()}
    largest = max(sizes, key=lambda name: sizes[name])
    layer = unzipped_size(build.layer)
    total = layer + sizes[largest]
    detail = f"layer {layer / 1e6:.1f} MB, {largest} {sizes[largest] / 1e3:.0f} kB"
    return [at_most("largest function and layer ÷ 250 MB", total / LAMBDA_BYTES, 0.20, detail, bytes=total)]
