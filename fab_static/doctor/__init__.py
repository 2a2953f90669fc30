"""Finds what is wrong before a deploy would, and says how to mend it. Changes nothing that is served."""
