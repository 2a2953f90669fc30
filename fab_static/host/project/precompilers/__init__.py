"""Precompilers that are commands: lessc, sassc, sass, stylus, postcss in COMPRESS_PRECOMPILERS.

A call is answered from what it made the last time while everything that it read is the same. No setting of the
project's changes, and only a compress that we run is concerned.

stepping_in takes the place of compressor's own call; call is one of them; kept is what they made.
"""
