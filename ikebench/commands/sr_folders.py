"""SR images made elsewhere, as `run --sr NAME=FOLDER` takes them in."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from ikebench.command_method import short_name
from ikebench.commands.options import say
from ikebench.data.table import require_data
from ikebench.errors import UserError
from ikebench.files import check_folder
from ikebench.run import given_sr
from ikebench.run.jobs import select_rows
from ikebench.store.row_files import RowFiles

if TYPE_CHECKING:
    from ikebench.commands.run import RunOptions


def check(options: "RunOptions") -> None:
    """Refuse folders that cannot be taken in, before anything is done.

    Raises:
        UserError: naming the first.
    """
    if options.off_by_one and not options.sr:
        raise UserError("--off-by-one is of --sr NAME=FOLDER: give that too, or leave it out")
    for label, folders in options.sr.items():
        if len(folders) > 1:
            raise UserError(f"--sr {label}=…: given twice; a name has one folder for one kind and scale")
        given_sr.check_name(label, [*map(short_name, options.methods), *filter(None, [options.label])])
        check_folder(f"--sr {label}", folders[0])
    if options.sr and (options.lr is not None or options.dry_run):
        raise UserError(
            "--sr is of LR images that make-data made, and takes no time: leave out --lr, --dry-run and --list-jobs"
        )


def take_folders(options: "RunOptions", rows: RowFiles) -> int:
    """Take every folder of `--sr` in and say what is left over; gives the number of files that are refused.

    Raises:
        UserError: for a folder that cannot be taken in; then nothing of the others is written either.
    """
    refused = 0
    for found, folder in [(_found(options, label, folder, rows), folder) for label, [folder] in options.sr.items()]:
        taken = given_sr.take(options.workspace, found, rows, off_by_one=options.off_by_one)
        say(f"{found.label}: {taken.taken} SR images of {found.cell} by {found.rule}, {taken.known} there already")
        for name, reason in taken.refused.items():
            say(f"refused {folder / name}: {reason}")
        if found.without:
            say(f"{found.label}: no SR image of {', '.join(found.without)}")
        refused += len(taken.refused)
    return refused


def _found(options: "RunOptions", label: str, folder: Path, rows: RowFiles) -> given_sr.Found:
    """Find the images of a folder; of those that `--limit` leaves out it is known that they are not stray."""
    if not options.replace:
        given_sr.check_unused(label, rows)
    data = require_data(options.workspace)
    of_cell = select_rows(data, replace(options.selection, limit=None))
    return given_sr.find(label, folder, of_cell, select_rows(data, options.selection))
