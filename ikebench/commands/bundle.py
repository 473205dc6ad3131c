"""`ikebench bundle`: results to hand on."""

import os
from pathlib import Path
from typing import Any

import click

from ikebench.commands.options import OK, filter_options, say, workspace_option
from ikebench.commands.report import write_as_before
from ikebench.errors import UserError
from ikebench.progress import counted
from ikebench.store.bundles import SUFFIX
from ikebench.store.gathered import Filter, scores_of, scores_table
from ikebench.store.rows import ScoreRow
from ikebench.store.tables import read_frame
from ikebench.store.workspace import Workspace


@click.command()
@click.option(
    "-o",
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    default=None,
    metavar="FILE.zip",
    help="A zip file.",
)
@click.option("--folder", type=click.Path(path_type=Path), default=None, help="A new folder in place of a zip file.")
@click.option("--images", "pictured", is_flag=True, help="With the SR images and the kernels.")
@click.option(
    "--report/--no-report", "reported", default=True, help="With the report, its pictures in it.  [default: report]"
)
@filter_options
@workspace_option
def command(
    workspace: Workspace,
    output: Path | None,
    folder: Path | None,
    pictured: bool,
    reported: bool,
    **options: Any,  # noqa: ANN401 (click hands over its options)
) -> int:
    """Put results into one file: scores, runs, data, manifest, traces, and the report as it was asked for last.

    `ikebench verify` and `ikebench report` take it anywhere. Equal results give equal bytes. HR images stay here.
    """
    if (output is None) == (folder is None):
        raise UserError("say where to: -o FILE.zip, or --folder FOLDER")
    if output is not None and output.suffix != SUFFIX:
        name = output.with_suffix(SUFFIX).name if output.name else f"results{SUFFIX}"
        raise UserError(f"-o {output}: a bundle is a zip file: name it {name}")
    if folder is not None and folder.exists():
        raise UserError(f"--folder {folder}: it is there already: remove it first, or take another")
    scores_table(workspace.root)
    with workspace.at_rest():
        return bundle(workspace, output, folder, Filter(**options), pictured, reported)


def bundle(
    workspace: Workspace, output: Path | None, folder: Path | None, wanted: Filter, pictured: bool, reported: bool
) -> int:
    """Write a bundle, whole or not at all: a zip file as `output`, or else a `folder`."""
    from ikebench.archive import bundle as bundling

    wanted.of(read_frame(workspace.scores_table, ScoreRow))  # refuses what no row has
    target, write = (output, bundling.write_zip) if output else (folder or Path(), bundling.write_folder)
    with bundling.apart(target) as aside:
        content, written = aside / "content", aside / "written"
        content.mkdir()
        data, runs = bundling.write_tables(workspace, wanted, content)
        scores = read_frame(Workspace(content).scores_table, ScoreRow)
        if scores.empty:
            raise UserError(f"no current scores in {workspace.root}: `ikebench run` makes new ones")
        if reported:
            lines: list[str] = []
            write_as_before(workspace, scores_of(Workspace(content), lines), content / "report")
            for line in lines:
                say(line)
        images = bundling.images(workspace, data, runs) if pictured else {}
        files = bundling.write_inventory(content, wanted, images)
        write(files, written)
        size = sum(path.stat().st_size for path in files.values())
        os.replace(written, target)
    say(f"{counted(len(scores), 'score')}, {counted(len(images), 'image')} and kernels, {size / 2**20:.2f} MiB")
    click.echo(str(target))
    return OK
