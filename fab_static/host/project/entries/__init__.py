"""What templates ask of the manifests of bundlers: the gate's question. Reads text; renders nothing."""
