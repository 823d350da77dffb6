"""Whom customers would rather have, and whom not: of a whole customer, or of one of their sites."""

import enum
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy import select
from sqlalchemy.orm import Mapped

from assets.queries import customer_for, site_for
from core.errors import Invalid
from core.ids import new_id
from core.models import Base, Identified, refers_to
from core.unit import Unit
from people.permissions import require
from people.queries import technician_for


class WishKind(enum.StrEnum):
    """Whether somebody is wished for, or is not to come."""

    PREFERRED = "preferred"
    FORBIDDEN = "forbidden"


class Wish(Identified, Base):
    """One engineer whom a customer, or one site of theirs, would rather have or does not want."""

    __tablename__ = "wish"
    customer_id: Mapped[UUID | None] = refers_to("customer")
    site_id: Mapped[UUID | None] = refers_to("site")
    technician_id: Mapped[UUID] = refers_to("technician")
    kind: Mapped[WishKind]
    __table_args__ = (
        sa.UniqueConstraint("org_id", "customer_id", "technician_id"),
        sa.UniqueConstraint("org_id", "site_id", "technician_id"),
    )


@dataclass(frozen=True, slots=True)
class Wishes:
    """The wishes of a company's customers, by whose they are."""

    preferred: Mapping[UUID, frozenset[str]] = field(default_factory=dict)
    forbidden: Mapping[UUID, frozenset[str]] = field(default_factory=dict)

    def of(self, customer_id: UUID, site_id: UUID) -> tuple[frozenset[str], frozenset[str]]:
        """Return who is wished for at a site and who is not to come; who is both does not come."""
        nobody: frozenset[str] = frozenset()
        not_wanted = self.forbidden.get(customer_id, nobody) | self.forbidden.get(site_id, nobody)
        # The site knows better whom it wants than the company it belongs to.
        wanted = self.preferred.get(site_id) or self.preferred.get(customer_id, nobody)
        return wanted - not_wanted, not_wanted


def wishes(unit: Unit) -> Sequence[Wish]:
    """Return every wish."""
    require(unit.actor, "board.read")
    return unit.session.scalars(select(Wish).order_by(Wish.id)).all()


def wishes_for(unit: Unit) -> Wishes:
    """Return the wishes as plans keep to them."""
    found: dict[WishKind, dict[UUID, set[str]]] = {kind: {} for kind in WishKind}
    query = select(Wish.customer_id, Wish.site_id, Wish.technician_id, Wish.kind)
    for customer_id, site_id, technician_id, kind in unit.session.execute(query):
        for whose in filter(None, (customer_id, site_id)):
            found[kind].setdefault(whose, set()).add(str(technician_id))
    preferred, forbidden = (
        {whose: frozenset(who) for whose, who in found[kind].items()} for kind in WishKind
    )
    return Wishes(preferred, forbidden)


def say_customer_wishes(unit: Unit, customer_id: UUID, **whom: Any) -> dict[str, Any]:
    """Say whom a customer would rather have at all of their sites, and whom not; what was said before goes.

    Raises NotFound, Invalid for somebody who is both.
    """
    require(unit.actor, "customer.change")
    customer = customer_for(unit, customer_id)
    return _say(unit, Wish.customer_id, customer.id, **whom)


def say_site_wishes(unit: Unit, site_id: UUID, **whom: Any) -> dict[str, Any]:
    """Say whom a site would rather have, and whom not; what was said before goes.

    Raises NotFound, Invalid for somebody who is both.
    """
    require(unit.actor, "customer.change")
    site = site_for(unit, site_id)
    return _say(unit, Wish.site_id, site.id, **whom)


def _say(
    unit: Unit,
    column: Any,
    whose: UUID,
    *,
    preferred: Collection[UUID] = (),
    forbidden: Collection[UUID] = (),
) -> dict[str, Any]:
    wanted, not_wanted = set(preferred), set(forbidden)
    for technician_id in sorted(wanted & not_wanted):
        raise Invalid(
            "{name} cannot be wished for and unwanted.",
            name=technician_for(unit, technician_id).name,
        )
    meant = dict.fromkeys(wanted, WishKind.PREFERRED)
    meant |= dict.fromkeys(not_wanted, WishKind.FORBIDDEN)
    known = {
        one.technician_id: one for one in unit.session.scalars(select(Wish).where(column == whose))
    }
    for technician_id, wish in known.items():
        if technician_id not in meant:
            unit.session.delete(wish)
    for technician_id in sorted(meant):
        technician_for(unit, technician_id)
        if technician_id in known:
            known[technician_id].kind = meant[technician_id]
        else:
            given = {
                column.key: whose,
                "technician_id": technician_id,
                "kind": meant[technician_id],
            }
            unit.add(Wish(id=new_id(), **given))
    return {"preferred": sorted(wanted), "forbidden": sorted(not_wanted)}
