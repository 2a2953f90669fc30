"""What a stranger does on fresh machines, from README alone; needs root: `make fresh`."""
