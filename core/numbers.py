"""The numbers people read aloud, such as WO-000123: one row of counters for each organisation."""

from typing import Any
from uuid import UUID

from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Mapped, mapped_column

from core.database import bound
from core.models import Base
from core.tenancy import announce
from core.unit import Unit


class Counter(Base):
    """The last number given for one kind of thing."""

    __tablename__ = "counter"
    __audited__ = False
    org_id: Mapped[UUID] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(primary_key=True)
    value: Mapped[int]


counters: Any = Counter.__table__


def next_number(unit: Unit, prefix: str) -> str:
    """Return the next number with this prefix, which nobody else gets; a unit that fails leaves a gap.

    On PostgreSQL it is drawn beside the unit, so that no other unit waits for the end of this one.
    """
    with bound().aside(unit.session.connection()) as connection:
        announce(connection, unit.org_id)
        insert = (postgresql if connection.dialect.name == "postgresql" else sqlite).insert(
            counters
        )
        value = connection.execute(
            insert.values(org_id=unit.org_id, name=prefix, value=1)
            .on_conflict_do_update(
                index_elements=["org_id", "name"], set_={"value": counters.c.value + 1}
            )
            .returning(counters.c.value)
        ).scalar_one()
    return f"{prefix}-{value:06d}"
