"""Works inside the project's own interpreter: Python 3.8+, the standard library, and the project's Django.

Nothing is installed there. `remote/sent.py` packs these modules into one archive; each is compiled when it is
imported. probe answers a question of a deploy; reads/run records what a run reads; one_start sets the project up once
for several runs.
"""
