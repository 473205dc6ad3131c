"""SR images made elsewhere, as `run --sr NAME=FOLDER` takes them in."""

from typing import TYPE_CHECKING

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
        given_sr.check_label(label)
        check_folder(f"--sr {label}", folders[0])
    if options.sr and (options.lr is not None or options.dry_run):
        raise UserError(
            "--sr is of LR images that make-data made, and takes no time: leave out --lr, --dry-run and --list-jobs"
        )


def take_folders(options: "RunOptions", rows: RowFiles) -> int:
    """Take every folder of `--sr` in and say what is left over; gives the number of files that are refused."""
    refused = 0
    for label, [folder] in options.sr.items():
        data = select_rows(require_data(options.workspace), options.selection)
        taken = given_sr.take(options.workspace, label, folder, data, rows, off_by_one=options.off_by_one)
        say(f"{label}: {taken.taken} SR images of {taken.cell} by {taken.rule}, {taken.known} there already")
        for name, reason in taken.refused.items():
            say(f"refused {folder / name}: {reason}")
        if taken.without:
            say(f"{label}: no SR image of {', '.join(taken.without)}")
        refused += len(taken.refused)
    return refused
