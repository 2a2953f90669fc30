"""What is for sale: the list, with filters, and a page for each product."""
