"""Decides which URLs CloudFront must forget, and the paths that cost the least."""
