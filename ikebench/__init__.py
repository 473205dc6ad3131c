"""Blind super-resolution on trial: how good is a method when the downscaling is unknown, even non-linear."""

__version__ = "0.1.0"
