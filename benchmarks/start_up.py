"""CPU seconds of commands that should start at once, side by side with the imports that they cannot do without.

    python benchmarks/start_up.py

Prints a Markdown table: CPU seconds of each (the least of several turns, which other work on the machine disturbs
least) and how many times those of `import pandas, pyarrow`. `report` is of 1,000 made-up scores: ten methods on 25
images of four kinds.
"""

import os
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

import click
import numpy as np

from ikebench.store.rows import MEASURES, DataRow, ScoreRow
from ikebench.store.tables import write_rows
from ikebench.store.workspace import Workspace

METHODS = "bicubic edsr rcan esrgan zssr zssr-gt kernelgan-zssr dualsr ike ike-release".split()
KINDS = "bilateral median anisotropic random".split()
IMAGES = 25
YARDSTICK = "python -c 'import pandas, pyarrow'"


@click.command()
@click.option("--turns", default=5, show_default=True)
def main(turns: int) -> None:
    """Print the table."""
    with tempfile.TemporaryDirectory() as folder:
        write_scores(Workspace(Path(folder)))
        ikebench = [sys.executable, "-m", "ikebench"]
        commands = {
            YARDSTICK: [sys.executable, "-c", "import pandas, pyarrow"],
            "python -c 'import ikebench'": [sys.executable, "-c", "import ikebench"],
            "ikebench --help": [*ikebench, "--help"],
            "ikebench list": [*ikebench, "list"],
            "ikebench report": [*ikebench, "report", "--workspace", folder],
        }
        seconds = {name: min(cpu_seconds(command) for _ in range(turns)) for name, command in commands.items()}
    print("| command | CPU s | times the imports |\n| --- | ---: | ---: |")
    for name, value in seconds.items():
        print(f"| `{name}` | {value:.2f} | {value / seconds[YARDSTICK]:.2f} |")


def write_scores(workspace: Workspace) -> None:
    """Make up a workspace of scores."""
    rng = np.random.default_rng(0)
    data, scores = [], []
    for kind in KINDS:
        for image in (f"{number:04d}" for number in range(IMAGES)):
            case = {"set": "made-up", "image": image, "kind": kind, "scale": 2}
            data.append(DataRow(**case, lr_sha256="a"))
            hard = rng.normal(28, 3)
            for method in METHODS:
                measures = {name: float(hard + rng.normal()) for name in MEASURES}
                score = ScoreRow(**case, method=method, seed=0, status="ok", measures=measures, lr_sha256="a")
                scores.append(score)
    write_rows(workspace.data_table, data, DataRow, {})
    write_rows(workspace.scores_table, scores, ScoreRow, {})


def cpu_seconds(command: list[str]) -> float:
    """Run a command and give the CPU seconds of it and its children."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, check=True, capture_output=True, env=os.environ)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


if __name__ == "__main__":
    main()
