"""Attacks on the promises that take the local cloud or real clients; what is attacked in Rust lies in `tests/src/attacks`."""
