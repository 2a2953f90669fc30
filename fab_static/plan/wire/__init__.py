"""What goes over the wire between the operator and a host's agent: one place that both sides read.

verbs names each thing that a host can be asked to do · asks holds the request of each · answers what comes
back · shapes checks it: a host is believed about nothing but itself.
"""
