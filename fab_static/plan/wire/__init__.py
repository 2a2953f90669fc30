"""What goes over the wire between the operator and a host's agent: one place that both sides read.

verbs names each thing that a host can be asked to do · asks holds the request of each · answers what comes
back · shapes checks it: a host is believed about nothing but itself.

These modules do without `from __future__ import annotations`: TypedDict would compile each of its texts at every start
of `fab`, for a quarter of the time that this room takes to import.
"""
