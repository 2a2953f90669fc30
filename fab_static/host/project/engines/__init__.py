"""The template languages of a project: which compress blocks compressor finds, and how pages render them."""
