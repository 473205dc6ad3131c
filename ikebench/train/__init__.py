"""The supervised training of `ikebench train`: its loop, its images, its record."""
