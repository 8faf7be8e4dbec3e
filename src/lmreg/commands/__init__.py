"""The commands. Each module has a function of its own name that takes the composed config and the overrides
from which it was composed, and returns what the command has made.
"""
