"""Compiled kernels against their references."""
