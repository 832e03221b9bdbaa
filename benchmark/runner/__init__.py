"""Runs methods on a protocol, batch by batch, resumable, and writes one result each."""
