"""The audit trail: with the change, chained, and a changed row is found."""

import orjson
import pytest
import sqlalchemy as sa

from core import audit
from core.database import Database, bound
from core.tenancy import announce
from core.unit import perform, unit_of_work
from tests.makers import Maker
from work import actions as work


def entries(make: Maker) -> list[dict[str, object]]:
    with bound().reading() as session:
        announce(session.connection(), make.org.id)
        rows = session.execute(
            sa.select(audit.AuditEntry.entry)
            .where(audit.AuditEntry.org_id == make.org.id)
            .order_by(audit.AuditEntry.at, audit.AuditEntry.lane, audit.AuditEntry.n)
        )
        return [orjson.loads(row.entry) for row in rows]


def verified(make: Maker) -> tuple[int, list[audit.Fault]]:
    with bound().engine.connect() as connection:
        announce(connection, make.org.id)
        return audit.verify(connection, make.org.id)


def test_a_change_is_written_down_with_who_what_before_and_after(make: Maker) -> None:
    order = make.order(priority=3)
    ann = make.actor("dispatcher", name="Ann")
    perform(ann, lambda unit: work.edit_order(unit, order.id, priority=1), name="order.edit")
    last = [entry for entry in entries(make) if entry["action"] == "order.edit"]
    [change] = [entry for entry in last if entry["entity"] == "work_order"]
    assert (change["before"]["priority"], change["after"]["priority"]) == (3, 1)  # type: ignore[index]
    assert change["actor"]["name"] == "Ann"  # type: ignore[index]
    assert set(change["after"]) == {"priority"}  # type: ignore[call-overload]


def test_a_password_is_never_written_into_the_trail(make: Maker) -> None:
    make.account("admin")
    text = orjson.dumps(entries(make)).decode()
    assert "argon2" not in text
    assert "password_hash" not in text


def test_what_was_rolled_back_leaves_no_entry(make: Maker) -> None:
    order = make.order()
    before = verified(make)[0]
    with pytest.raises(ZeroDivisionError), unit_of_work(make.system) as unit:
        work.add_comment(unit, order.id, text="Never said")
        unit.session.flush()
        _ = 1 / 0
    assert verified(make)[0] == before


def test_an_untouched_chain_is_whole(make: Maker) -> None:
    for _ in range(3):
        make.order()
    length, faults = verified(make)
    assert length > 10
    assert faults == []


def test_whoever_acts_writes_in_one_chain_and_others_in_others(make: Maker) -> None:
    people = [make.actor("dispatcher") for _ in range(2 * audit.LANES)]
    for person in people:
        for text in ("One", "Two"):
            order = make.order()
            perform(person, lambda unit, o=order, t=text: work.add_comment(unit, o.id, text=t))
    lanes: dict[object, set[object]] = {}
    for entry in entries(make):
        lanes.setdefault(entry["actor"]["id"], set()).add(entry["lane"])  # type: ignore[index]
    assert {len(one) for one in lanes.values()} == {1}
    assert len(set.union(*lanes.values())) > 1
    assert verified(make)[1] == []


@pytest.mark.parametrize(
    "tampering",
    [
        "DELETE FROM audit_entry WHERE lane = (SELECT max(lane) FROM audit_entry)",
        "UPDATE audit_entry SET entry = replace(entry, 'Leaking', 'Squeaking') WHERE entity = 'work_order'",
        "UPDATE audit_entry SET action = 'nothing' WHERE entity = 'work_order'",
        "DELETE FROM audit_entry WHERE entity = 'work_order'",
        "DELETE FROM audit_entry WHERE n = (SELECT max(n) FROM audit_entry)",
    ],
)
def test_a_row_changed_behind_our_back_is_found(
    make: Maker, database: Database, tampering: str
) -> None:
    make.order()
    engine = sa.create_engine(database.url, poolclass=sa.NullPool)
    with pytest.raises(sa.exc.DBAPIError), engine.begin() as connection:
        connection.exec_driver_sql(tampering)
    with engine.begin() as connection:
        # Somebody who owns the database can take the guards down; the chain still tells.
        if database.sqlite:
            for verb in ("update", "delete"):
                connection.exec_driver_sql(f"DROP TRIGGER audit_entry_fixed_{verb}")
        else:
            connection.exec_driver_sql("SET LOCAL session_replication_role = replica")
        connection.exec_driver_sql(tampering)
    engine.dispose()
    assert verified(make)[1] != []


def test_two_organisations_have_a_chain_each(make: Maker) -> None:
    other = Maker()
    make.order()
    other.order()
    assert verified(make)[1] == []
    assert verified(other)[1] == []
