"""Apps that live one folder deeper than the others."""
