"""Whether pages find every compress block in the offline manifest: the gate's question."""
