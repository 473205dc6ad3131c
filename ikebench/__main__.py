"""Run `python -m ikebench`."""

from ikebench.cli import main

if __name__ == "__main__":
    main()
