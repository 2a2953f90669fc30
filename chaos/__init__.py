"""Chaos: seeded faults on a loopback fleet, and the guarantees of DESIGN §7 asserted after each.

`schedule` decides what a seed does, `operator` is fab with a fault at a chosen request, `faults`
breaks things and mends them, `readers` ask all the while, `invariants` look at what is left, `site`
holds the fleet. The package under test is not changed: requests are counted from outside.
"""
