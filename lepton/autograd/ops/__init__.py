"""The ops, a module for each family."""
