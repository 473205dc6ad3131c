"""`ikebench compare`: what changed between two workspaces or tables of scores."""

from pathlib import Path
from typing import Any

import click

from ikebench.commands.options import OK, filter_options, say, workspace_option
from ikebench.errors import UserError
from ikebench.store.gathered import Filter, gather
from ikebench.store.workspace import Workspace


@click.command()
@click.argument("before", type=click.Path(path_type=Path))
@click.argument("after", type=click.Path(path_type=Path))
@click.option("--format", "form", type=click.Choice(["md", "csv"]), default="md", show_default=True)
@click.option("--protocol", default="ike", show_default=True, help="ike, dualsr or ntire17 (`list metrics`).")
@filter_options
@workspace_option
def command(
    workspace: Workspace,
    before: Path,
    after: Path,
    form: str,
    protocol: str,
    **options: Any,  # noqa: ANN401 (click hands over its options)
) -> int:
    """Print what changed from BEFORE to AFTER, workspaces or Parquet files, with 95 % intervals."""
    import reports.changes as changed

    tables = []
    for source in (before, after):
        scores, lines = gather([source], Filter(**options))
        for line in lines:
            say(f"{source}: {line}")
        tables.append(scores)
    try:
        table = changed.changes(tables[0], tables[1], protocol)
    except ValueError as error:
        raise UserError(str(error)) from error
    click.echo(table.to_csv(index=False) if form == "csv" else changed.markdown(table), nl=False)
    return OK
