"""Speaks to AWS; alone imports boto3."""
