"""The command line: `flask db upgrade`, `flask seed`, `flask import`, `flask audit verify`, `flask jobs …`, `flask sync …`."""

from pathlib import Path
from uuid import UUID

import click
import sqlalchemy as sa
from flask import Flask
from flask.cli import AppGroup
from rich.console import Console

from api.doors import settings
from core import audit, jobs, migrations
from core.actor import Actor
from core.database import bound
from core.errors import DomainError
from core.languages import LANGUAGES, say
from core.tenancy import announce
from core.unit import perform
from people.actions import open_account
from people.models import Organisation, Role
from sync import epochs, mending, oracle

db_commands = AppGroup("db", help="The database.")
audit_commands = AppGroup("audit", help="The audit trail.")
jobs_commands = AppGroup("jobs", help="The queue.")
sync_commands = AppGroup("sync", help="What phones hold.")


@db_commands.command("upgrade")
def upgrade() -> None:
    """Bring the database up to date."""
    migrations.upgrade(settings().database_url)


@click.command("seed")
@click.option("--if-empty", is_flag=True, help="Do nothing when there is a company already.")
@click.option(
    "--seed",
    "number",
    default=2026,
    show_default=True,
    help="The same number makes the same company.",
)
def seed(if_empty: bool, number: int) -> None:
    """Fill in a believable company from real data."""
    from seed.company import NAME, build, print_accounts  # noqa: PLC0415 - loaded only when it is asked for

    console = Console()
    with bound().reading() as session:
        names = set(session.scalars(sa.select(Organisation.name)))
    # A demo company whose making was cut off is made whole; somebody's own company is left alone.
    if not names or NAME in names or not if_empty:
        build(console, seed=number)
    print_accounts(console, seed=number)


@click.command("account")
@click.argument("email")
@click.option("--organisation", required=True, help="The name of the company.")
@click.option("--name", required=True, help="Who it is.")
@click.option(
    "--role",
    "roles",
    multiple=True,
    required=True,
    type=click.Choice([role.value for role in Role]),
)
@click.option("--language", default="en", show_default=True, type=click.Choice(LANGUAGES))
@click.password_option()
def account(
    email: str, organisation: str, name: str, roles: tuple[str, ...], language: str, password: str
) -> None:
    """Give somebody an account."""
    with bound().reading() as session:
        org_id = session.scalar(sa.select(Organisation.id).where(Organisation.name == organisation))
    if org_id is None:
        raise click.ClickException(f"There is no company named {organisation}.")
    try:
        perform(
            Actor.system(org_id, "command line"),
            lambda unit: open_account(
                unit,
                email=email,
                name=name,
                password=password,
                roles=list(roles),
                language=language,
            ),
            name="account.open",
        )
    except DomainError as error:
        raise click.ClickException(say(error.message, "en", error.details)) from error
    click.echo(f"{email} may sign in now.")


@click.command("import")
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--organisation", required=True, help="The name of the company.")
@click.option("--apply", "write", is_flag=True, help="Write; without it only a preview is shown.")
def import_(folder: Path, organisation: str, write: bool) -> None:
    """Read customers, sites, assets, parts, stock and orders from CSV files in a folder."""
    from seed.tables import run  # noqa: PLC0415 - loaded only when it is asked for

    if not run(Console(), folder, organisation, write=write):
        raise click.exceptions.Exit(1)


@audit_commands.command("verify")
def verify() -> None:
    """Walk every organisation's chains and name what was changed."""
    bad = False
    with bound().reading() as session:
        organisations = session.execute(sa.select(Organisation.id, Organisation.name)).all()
    for org_id, name in organisations:
        with bound().engine.connect() as connection:
            announce(connection, org_id)
            length, faults = audit.verify(connection, org_id)
        click.echo(
            f"{name}: {length} entries, {'whole' if not faults else f'{len(faults)} faults'}"
        )
        for fault in faults[:50]:
            click.echo(f"  chain {fault.lane}, entry {fault.n}: {fault.what}")
        bad = bad or bool(faults)
    if bad:
        raise click.exceptions.Exit(1)


@sync_commands.command("audit")
@click.option(
    "--repair", is_flag=True, help="Mend what differs; phones converge by their next pull."
)
@click.option("--organisation", help="The name of one company; otherwise all of them.")
def sync_audit(repair: bool, organisation: str | None) -> None:
    """Recompute every scope from the rows and name what phones hold otherwise."""
    query = sa.select(Organisation.id, Organisation.name).order_by(Organisation.name)
    if organisation is not None:
        query = query.where(Organisation.name == organisation)
    with bound().reading() as session:
        organisations = session.execute(query).all()
    if organisation is not None and not organisations:
        raise click.ClickException(f"There is no company named {organisation}.")
    bad = False
    for org_id, name in organisations:
        actor = Actor.system(org_id, "command line")
        found = mending.mend(actor) if repair else oracle.differences(actor)
        became = "mended" if repair else "found"
        click.echo(f"{name}: {f'{len(found)} differences {became}' if found else 'whole'}")
        for difference in found[:50]:
            click.echo(f"  {difference}")
        bad = bad or bool(found and not repair)
    if bad:
        raise click.exceptions.Exit(1)


@sync_commands.command("new-epoch")
@click.confirmation_option(
    prompt="Every phone will fetch everything again and send again what it holds. Go on?"
)
def new_epoch() -> None:
    """Say that this database was restored from a backup: phones start over and keep their unsent work."""
    epochs.begin()
    click.echo("Phones start over at their next pull. Restart the web processes now.")


@jobs_commands.command("failed")
def failed() -> None:
    """List the jobs that were given up."""
    rows = jobs.failed(bound())
    # Plain lines: an id that a table breaks in two cannot be copied.
    for row in rows:
        click.echo(f"{row.id}  {row.name}, {row.attempts} tries")
        click.echo(f"    {(row.error or '').strip().splitlines()[-1]}")
    if not rows:
        click.echo("No job has failed.")


@jobs_commands.command("retry")
@click.argument("job_id", type=click.UUID)
def retry(job_id: UUID) -> None:
    """Give a failed job a fresh start."""
    try:
        jobs.retry(bound(), job_id)
    except DomainError as error:
        raise click.ClickException(error.message) from error
    click.echo("It will be tried again.")


@jobs_commands.command("drain")
def drain() -> None:
    """Run what is ready, here and now."""
    click.echo(f"{jobs.drain(bound())} jobs were run.")


def install(app: Flask) -> None:
    """Add the commands."""
    groups = (db_commands, audit_commands, jobs_commands, sync_commands)
    for command in (*groups, seed, import_, account):
        app.cli.add_command(command)
