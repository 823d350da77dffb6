"""For whom and when the company is made: its organisation, its chance, its clock, and who acts."""

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from core.actor import Actor
from seed.codes import TIMEZONE
from seed.draw import Draw
from seed.people import AccountCard, TechnicianCard

ZONE = ZoneInfo(TIMEZONE)
# After this hour nobody plans the running day any more; what has a window gets it tomorrow.
LAST_HOUR_TO_PLAN = 15


@dataclass(frozen=True, slots=True)
class Setting:
    """What every part of the making needs to know."""

    org_id: UUID
    draw: Draw
    now: datetime

    @property
    def system(self) -> Actor:
        """Return the company's own hand."""
        return Actor.system(self.org_id, name="seed")

    @property
    def public(self) -> Actor:
        """Return a passer-by who scans a label."""
        return Actor.public(self.org_id)

    @property
    def local(self) -> datetime:
        """Return the present moment on the company's wall."""
        return self.now.astimezone(ZONE)

    @property
    def today(self) -> date:
        """Return the calendar day at the company."""
        return self.local.date()

    @property
    def plan_day(self) -> date:
        """Return the day that a dispatcher would plan now."""
        return self.today + timedelta(days=self.local.hour >= LAST_HOUR_TO_PLAN)

    def at(self, day: date, wall: str) -> datetime:
        """Return the moment at which the company's clock shows this."""
        return datetime.combine(day, time.fromisoformat(wall), ZONE)

    def ago(self, **span: float) -> datetime:
        """Return the moment so long before now."""
        return self.now - timedelta(**span)

    def person(self, card: AccountCard) -> Actor:
        """Return somebody with an account as an actor."""
        return Actor(
            org_id=self.org_id,
            kind="person",
            account_id=self.draw.id("account", card.key),
            name=card.name,
            roles=frozenset({card.role}),
            language=card.language,
        )

    def technician(self, card: TechnicianCard) -> Actor:
        """Return a technician as an actor."""
        return Actor(
            org_id=self.org_id,
            kind="person",
            account_id=self.draw.id("account", card.key),
            name=card.name,
            roles=frozenset({"technician"}),
            technician_id=self.draw.id("technician", card.key),
            language=card.language,
        )
