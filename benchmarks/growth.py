"""What idle commands cost in a workspace of many finished jobs: seconds and memory of each, as the workspace grows.

    python benchmarks/growth.py /tmp/growth --jobs 100,1000,10000,50000

Makes a workspace for each number of jobs (small crops of a photograph, restored by bicubic under several names; 50,000
take half an hour, and are kept for the next time), runs every command once more in it, and writes a Markdown table to
stdout: CPU and wall seconds, peak resident memory. `run` plans bicubic's own jobs, a fifth of them all, and then looks
at every result, as `score` does; nothing is to do.
"""

import os
import resource
import subprocess
import sys
import time
from pathlib import Path

import click
import skimage.data
from PIL import Image

SIDE = 40  # px of an HR image
KINDS = ("bicubic", "median")
NAMES = ("bicubic", "two", "three", "four", "five")  # under which bicubic's results are kept
COMMANDS = {
    "make-data": ["--kind", ",".join(KINDS), "--hr", "{photos}"],
    "run --dry-run": ["--methods", NAMES[0], "--dry-run"],
    "run": ["--methods", NAMES[0]],
    "score": [],
    "report": [],
}


@click.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--jobs", default="100,1000,10000,50000", show_default=True, help="Finished jobs, between commas.")
def main(folder: Path, jobs: str) -> None:
    """Print the table; FOLDER is for the workspaces."""
    print("| jobs | command | CPU s | wall s | MiB |\n| ---: | --- | ---: | ---: | ---: |")
    baseline = measured([sys.executable, "-c", "import pandas, pyarrow"])
    print(f"| | `import pandas, pyarrow` | {baseline} |", flush=True)
    for number in map(int, jobs.split(",")):
        workspace = folder / f"jobs-{number}"
        photos = folder / f"photos-{number}"
        make(workspace, photos, number // (len(KINDS) * len(NAMES)))
        for name, arguments in COMMANDS.items():
            command = [*name.split(), *(argument.format(photos=photos) for argument in arguments)]
            print(f"| {number} | `{name}` | {measured(ikebench(workspace, *command))} |", flush=True)


def make(workspace: Path, photos: Path, images: int) -> None:
    """Make the workspace, or what is missing of it."""
    photos.mkdir(parents=True, exist_ok=True)
    photograph = skimage.data.astronaut()
    for index in range(images):
        top, left = divmod(index * 7, 470)
        path = photos / f"{index:05d}.png"
        if not path.exists():
            Image.fromarray(photograph[top % 470 :, left:][:SIDE, :SIDE]).save(path)
    subprocess.run(ikebench(workspace, "make-data", "--kind", ",".join(KINDS), "--hr", str(photos)), check=True)
    for name in NAMES:
        label = [] if name == NAMES[0] else ["--as", name]
        subprocess.run(ikebench(workspace, "run", "--methods", NAMES[0], *label), check=True)


def ikebench(workspace: Path, *arguments: str) -> list[str]:
    """Give the command line."""
    return [sys.executable, "-m", "ikebench", *arguments, "--workspace", str(workspace)]


def measured(command: list[str]) -> str:
    """Run a command and give the cells of its row: CPU seconds and memory of the largest process, children included."""
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.perf_counter() - started
    if status:
        raise SystemExit(f"{' '.join(command)}: exit code {os.waitstatus_to_exitcode(status)}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return f"{cpu:.2f} | {wall:.2f} | {usage.ru_maxrss / 1024:.0f}"


if __name__ == "__main__":
    main()
