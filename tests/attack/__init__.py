"""Attacks on what is not to be believed: bytes on the way, certificates of strangers."""
