"""`ikebench fetch`: downloads."""

from collections.abc import Sequence

import click

from ikebench.catalog import check_names, method_paths
from ikebench.commands.options import OK, say, scales_option, workspace_option
from ikebench.errors import UserError
from ikebench.store.workspace import Workspace


@click.command()
@click.argument("name", metavar="div2k|METHOD")
@scales_option(None)
@click.option(
    "--base-url",
    "bases",
    multiple=True,
    metavar="ADDRESS",
    help="Look for the files below this address (http, https, file) before all others; several are tried in turn.",
)
@workspace_option
def command(name: str, scales: Sequence[int] | None, bases: Sequence[str], workspace: Workspace) -> int:
    """Download DIV2K's validation images, or a method's trained weights. A broken download goes on when run again."""
    from ikebench.data import fetch

    if name != "div2k":
        check_names("thing to fetch", [name], {**method_paths(), "div2k": ""})
        fetch.fetch_weights(name, scales, workspace.weights_folder, bases, say)
    elif scales is None:
        fetch.fetch_div2k(workspace.div2k_folder, bases, say)
    else:
        raise UserError("div2k comes whole: leave out --scale")
    return OK
