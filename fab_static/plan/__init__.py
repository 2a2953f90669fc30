"""Decides. Pure: values in, values out; no SSH, Django, disk or clock."""
