"""An inventory's text -> Environment, or every problem of it at once, each with its place and cure.

environment holds the values · yaml_text and section read text and keys · hosts, building, buckets and
read know which keys there are. Others import the public names from here.
"""

from fab_static.plan.inventory.environment import (
    S3,
    Build,
    Cdn,
    Environment,
    Given,
    Host,
    Notify,
    Probe,
    Project,
    Ssh,
    Web,
    beside,
    expand,
    expand_url,
)
from fab_static.plan.inventory.read import parse

__all__ = [
    "S3",
    "Build",
    "Cdn",
    "Environment",
    "Given",
    "Host",
    "Notify",
    "Probe",
    "Project",
    "Ssh",
    "Web",
    "beside",
    "expand",
    "expand_url",
    "parse",
]
