"""Measurements against the procedure we replace, and against the limit; each prints rows of a markdown table.

`python -m benchmarks.run`, which is `make bench`, measures every row of RESULTS.md. The modules gate,
invalidation, less, resource_static and s3 look closer at one thing each, and run by themselves.
"""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
