"""A believable company for the first day, made through the same actions as any other.

The same seed number makes the same company; only what is said relative to today moves with the
clock. Its five excavators, their history and the wording of many repairs are real data.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from sqlalchemy import select

import sync.wiring  # noqa: F401 - rows reach the feed, and events their listeners
from assets.models import Asset, Customer
from core import clock
from core.database import bound
from core.settings import from_environment
from core.unit import Unit, reading
from parts.models import Part, VanStock, account_id_of
from people import actions as people
from people import doors
from people.models import Account, Organisation, Technician
from seed import catalogue, codes, desk, history, machines, places, today, yesterday
from seed import people as crew
from seed.draw import Draw
from seed.excavators import DataMissing, ExcavatorOrder, read
from seed.setting import Setting
from seed.steps import Step, there
from work.promises import Promise

NAME = "Longgang Heavy Plant Service 龙港重机服务"
DEFAULT_SEED = 2026


def build(
    console: Console, *, seed: int = DEFAULT_SEED, history: int | None = None
) -> Organisation:
    """Make the company, or what is missing of it, and return it.

    `history` loads so many of the historic orders only, the newest ones.
    """
    try:
        orders = read()
    except DataMissing as error:
        console.print(str(error), style="red")
        raise SystemExit(1) from error
    organisation = _known() or people.found_organisation(
        name=NAME, timezone=codes.TIMEZONE, currency="CNY", language="zh-CN"
    )
    setting = Setting(organisation.id, Draw(seed), clock.now())
    if _is_of_another_seed(setting):
        console.print(
            f"{NAME} is here already, made from another seed number. Nothing was changed."
        )
        return organisation
    started = time.perf_counter()
    _run(console, list(_steps(setting, orders, history)))
    console.print(f"{NAME} is ready after {time.perf_counter() - started:.0f} seconds.")
    return organisation


def _known() -> Organisation | None:
    with bound().reading() as session:
        return session.scalar(select(Organisation).where(Organisation.name == NAME))


def _is_of_another_seed(setting: Setting) -> bool:
    with reading(setting.system) as unit:
        return (
            unit.session.scalar(select(Customer.id).limit(1)) is not None
            and unit.get(Customer, setting.draw.id("customer", places.CUSTOMERS[0][3])) is None
        )


def _steps(
    setting: Setting, orders: Sequence[ExcavatorOrder], history_rows: int | None
) -> Iterator[Step]:
    draw = setting.draw

    def step(
        stage: str, do: Callable[[Unit], object], done: Callable[[Unit], bool], weight: int = 5
    ) -> Step:
        return Step(stage, setting.system, do, done, weight=weight)

    first_site_customer = draw.id("customer", places.CUSTOMERS[0][3])
    yield step("Stating promises and codes", _rules, _any_promise)
    yield step(
        "Adding customers and sites",
        lambda unit: places.add_places(unit, draw),
        there(Customer, first_site_customer),
    )
    yield step(
        "Adding machines and their labels",
        lambda unit: machines.add_machines(unit, draw, orders),
        there(Asset, draw.id("asset", machines.excavator_no(machines.SHOWN))),
        weight=10,
    )
    yield step(
        "Opening accounts",
        lambda unit: crew.open_accounts(unit, draw),
        there(Account, draw.id("account", "admin")),
    )
    yield step(
        "Hiring technicians",
        lambda unit: crew.hire(unit, draw, setting.today),
        there(Technician, draw.id("technician", crew.TECHNICIANS[0].key)),
    )
    yield step(
        "Filling the warehouse",
        lambda unit: catalogue.add_catalogue(unit, draw),
        there(Part, draw.id("part", catalogue.PARTS[0].sku)),
        weight=10,
    )
    for card in crew.TECHNICIANS:
        first = catalogue.carried_by(card)[0]
        row_id = account_id_of(draw.id("place", card.key), draw.id("part", first.sku))
        yield step(
            "Loading the vans",
            partial(catalogue.load_van, draw=draw, card=card),
            there(VanStock, row_id),
            weight=5,
        )
    yield from _history(setting, orders, history_rows)
    yield from yesterday.steps(setting)
    yield from today.steps(setting)
    yield from desk.steps(setting)


def _history(
    setting: Setting, orders: Sequence[ExcavatorOrder], rows: int | None
) -> Iterator[Step]:
    old = history.old_lines(setting, orders)
    old = old if rows is None else old[len(old) - rows :]
    for stage, lines in (
        (f"Loading {len(old):,} repairs of 2001 to 2012", old),
        ("Adding the repairs of the last year", history.recent_lines(setting, orders)),
    ):
        for batch in history.batches(lines):
            yield Step(
                stage,
                setting.system,
                partial(history.write, setting=setting, lines=batch),
                partial(history.is_written, lines=batch),
                weight=10,
            )


def _rules(unit: Unit) -> None:
    codes.add_codes(unit)
    codes.make_promises(unit)


def _any_promise(unit: Unit) -> bool:
    return unit.session.scalar(select(Promise.id).limit(1)) is not None


def _run(console: Console, steps: Sequence[Step]) -> None:
    columns = (
        TextColumn("{task.description:<42}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f} %"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console) as progress:
        task = progress.add_task("", total=sum(step.weight for step in steps))
        for step in steps:
            progress.update(task, description=step.stage)
            step.run()
            progress.advance(task, step.weight)


def print_accounts(console: Console, *, seed: int = DEFAULT_SEED) -> None:
    """Print who may sign in, with the password, and the address on the label of one machine."""
    if _known() is None:
        console.print("This database holds a company of its own; the demo company is not in it.")
        return
    table = Table(
        "e-mail",
        "role",
        "who",
        title=f"{NAME}: everybody's password is {crew.PASSWORD}",
        title_justify="left",
    )
    for card in crew.accounts():
        table.add_row(card.email, card.role, card.name)
    console.print(table)
    label = Draw(seed).label(machines.excavator_no(machines.SHOWN))
    if doors.behind("tag", label) is None:
        console.print(
            "The machines' labels were made from another seed number; print new ones in the office."
        )
        return
    public_url = from_environment().public_url
    console.print(f"The page behind the code on excavator {machines.SHOWN}:")
    # Not wrapped: an address that is broken in two cannot be clicked.
    console.print(f"{public_url}/q/{label}", soft_wrap=True, highlight=False)
