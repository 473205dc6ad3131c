"""HR -> LR: one frozen dataclass per kind of degradation, its fields are its parameters. numpy, OpenCV, no torch."""
