"""What an inventory says of a webhook."""

import pytest

from fab_static.telling.webhook import hidden, webhook


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (None, (None, None)),
        ("https://a/b", ("https://a/b", None)),
        ("$HOOK", ("https://c/d", "HOOK")),
        ("$UNSET", (None, "UNSET")),
        ("$EMPTY", (None, "EMPTY")),
    ],
)
def test_a_url_stands_in_the_inventory_or_in_the_environment(text, found):
    assert webhook(text, {"HOOK": "https://c/d", "EMPTY": ""}) == found


def test_the_path_of_a_webhook_is_a_secret_too():
    url = "https://hooks.slack.com/services/T0/B0/s3cr3t"
    assert hidden(url) == {
        "notify.webhook": url,
        "notify.webhook's path": "services/T0/B0/s3cr3t",
    }
    assert hidden("https://a/b") == {"notify.webhook": "https://a/b"}
