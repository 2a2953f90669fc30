"""How many examples are tried of what runs on hosts, by hypothesis or in a loop: many in one Python, a few in the others.

What another Python may lack or do otherwise shows in each example. What an odd value does is looked for once.
"""

import os

ELSEWHERE = (
    "FAB_STATIC_ANOTHER_PYTHON"  # is set where test_every_python.py runs the same tests again
)


def examples(number):
    return max(5, number // 6) if ELSEWHERE in os.environ else number
