"""What a host is asked to do in a store, by presigned URLs. They are secrets: whoever has one may read, or write."""

from typing import NotRequired, TypedDict


class Lent(TypedDict):
    """What lies in the bucket in place of a request's body, deflated: a presigned URL, its SHA-256 and size."""

    url: str
    sha256: str
    size: int


class FetchUrls(TypedDict):
    """The URLs of objects, as templates; the body is their tickets, or says which of the tickets that are lent."""

    urls: list[str]
    lent: NotRequired[Lent]


class Way(TypedDict):
    """How objects are put: a URL and headers, with words in braces for what each object has its own of."""

    url: str
    headers: dict[str, str]


class PutUrls(TypedDict):
    """The ways that objects are put by; the body says of each object which way, its key and its signature."""

    ways: list[Way]
