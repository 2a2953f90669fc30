"""What an inventory's `notify.webhook` means, and what of it is a secret."""

from __future__ import annotations

from collections.abc import Mapping


def webhook(text: str | None, environ: Mapping[str, str]) -> tuple[str | None, str | None]:
    """Return the URL that an inventory's `notify.webhook` means, and the variable it is taken from."""
    if text is None or not text.startswith("$"):
        return text, None
    return environ.get(text[1:]) or None, text[1:]


def hidden(url: str) -> dict[str, str]:
    """Return what nobody may see of a webhook: its URL, and its path, which is the secret in it."""
    path = url.partition("://")[2].partition("/")[2]
    return {"notify.webhook": url, **({"notify.webhook's path": path} if len(path) >= 8 else {})}
