"""The cart and the checkout, kept in the browser's own storage."""
