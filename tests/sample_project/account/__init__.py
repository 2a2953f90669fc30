"""A customer's pages: sign-in, orders, addresses."""
