"""occset: face occlusions, from labelled data to a benchmark.

``occset`` itself needs no torch; ``occset.models`` and ``occset.benchmark`` load their heavy parts when used.
"""

__version__ = "0.1.0"
