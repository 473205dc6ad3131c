"""`ikebench doctor`: what is here, and what is missing."""

import click

from ikebench.commands.options import OK, workspace_option
from ikebench.store.workspace import Workspace


@click.command()
@click.option("--json", "as_data", is_flag=True, help="For programs: topic -> name -> value, words, mend.")
@workspace_option
def command(workspace: Workspace, as_data: bool) -> int:
    """Say what is installed and found here; behind an arrow, what mends what is missing."""
    from ikebench.doctor import facts, hardware, holdings, software

    found = [
        *software.facts(),
        *hardware.facts(workspace.root),
        *holdings.weights(workspace),
        *holdings.data(workspace),
    ]
    click.echo(facts.as_json(found) if as_data else facts.as_text(found))
    return OK
