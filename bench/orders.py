"""How long a list of 50 work orders takes with 100,000 of them, and a push and a pull through the whole app."""

import os
import statistics
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import sqlalchemy as sa
from flask.testing import FlaskClient

from bench.places import app_on
from core import clock
from core.database import Database
from core.ids import new_id
from core.tenancy import announce
from tests.makers import PASSWORD, Maker
from work.models import WorkOrder

ORDERS = int(os.environ.get("BENCH_ORDERS", "100000"))
ROUNDS = 60


def fill(database: Database, make: Maker) -> None:
    """Put copies of one order into the table, past the feed: only the list is measured."""
    model = make.order(description="The left cylinder drips oil. " * 8)
    table: Any = WorkOrder.__table__
    with database.engine.begin() as connection:
        announce(connection, make.org.id)
        row = dict(
            connection.execute(sa.select(table).where(table.c.id == model.id)).mappings().one()
        )
        now = clock.now()
        for start in range(0, ORDERS, 5000):
            rows = [
                row
                | {
                    "id": new_id(),
                    "no": f"B-{number}",
                    "opened_at": now - timedelta(minutes=number),
                    "state": "closed" if number % 20 else "new",
                }
                for number in range(start, min(start + 5000, ORDERS))
            ]
            connection.execute(table.insert(), rows)


def timed(call: Callable[[], Any]) -> str:
    """Return the median and the 95th percentile of a call, in milliseconds."""
    call()
    taken = []
    for _ in range(ROUNDS):
        begun = time.perf_counter()
        call()
        taken.append((time.perf_counter() - begun) * 1000)
    taken.sort()
    return (
        f"median {statistics.median(taken):6.1f} ms   p95 {taken[int(ROUNDS * 0.95) - 1]:6.1f} ms"
    )


def run(kind: str) -> None:
    """Measure on one kind of database."""
    with app_on(kind) as (database, app):
        make = Maker()
        account = make.account("dispatcher")
        fill(database, make)
        if not database.sqlite:
            with database.engine.connect().execution_options(
                isolation_level="AUTOCOMMIT"
            ) as connection:
                connection.exec_driver_sql("RESET ROLE")
                connection.exec_driver_sql("ANALYZE")
        client = app.test_client()
        get = getter(client, account.email)
        print(f"{kind}: {ORDERS:,} work orders")
        for name, path in (
            ("50 newest", "/v1/work-orders?limit=50"),
            ("50 open", "/v1/work-orders?limit=50&open=true"),
            ("50 new", "/v1/work-orders?limit=50&state=new"),
            (
                "page 2",
                f"/v1/work-orders?limit=50&cursor={get('/v1/work-orders?limit=50').json['next']}",
            ),
            ("bare health page", "/healthz"),
        ):
            print(f"  {name:18} {timed(lambda path=path: get(path))}")


def getter(client: FlaskClient, email: str) -> Callable[[str], Any]:
    """Return a function that fetches as this account, and insists on success."""
    token = client.post("/v1/session", json={"email": email, "password": PASSWORD}).json[
        "access_token"
    ]

    def get(path: str) -> Any:
        response = client.get(path, headers={"Authorization": f"Bearer {token}"})
        assert response.status_code == 200, response.get_data(as_text=True)
        return response

    return get
