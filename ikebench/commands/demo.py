"""`ikebench demo`: all four steps on two small crops."""

import click

from ikebench.commands.make_data import DataOptions, degrade
from ikebench.commands.options import PER_CORE_OR_GPU, workers_option, workspace_option
from ikebench.commands.run import RunOptions, run
from ikebench.data import demo_photos
from ikebench.store.gathered import scores_of
from ikebench.store.workspace import Workspace


@click.command()
@workers_option(PER_CORE_OR_GPU)
@workspace_option
def command(workspace: Workspace, workers: int | None) -> int:
    """Make data, run, score and report on crops of two photographs: a few minutes on a laptop."""
    import reports
    from ikebench.engines.local import prepare

    prepare(("ikebench.data.degrader", "ikebench.run.restoring", "ikebench.ike.training"))
    source = demo_photos.write(workspace.root / "demo-photos")
    degrade(source, DataOptions(workspace=workspace, workers=workers))
    code = run(
        RunOptions(
            workspace=workspace,
            methods=("bicubic", "ike"),
            dataset=source.name,
            iterations=demo_photos.ITERATIONS,
            workers=workers,
        )
    )
    scores = scores_of(workspace, [])  # what is left out has been said with the report
    click.echo(reports.markdown_tables(scores[scores["set"] == source.name]))
    click.echo(f"Everything is in {workspace.root}: LR in data/, SR in sr/, scores.parquet, report/report.html and .md")
    return code
