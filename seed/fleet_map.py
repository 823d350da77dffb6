"""Which machine stands where, for whoever has to choose one."""

from collections.abc import Collection
from math import cos, hypot, radians
from random import Random

from seed.machines import Machine, machines
from seed.people import TechnicianCard
from seed.places import SITES

_SITES = {site.name: site for site in SITES}


def _degrees_apart(machine: Machine, card: TechnicianCard) -> float:
    site = _SITES[machine.site]
    return hypot(site.lat - card.home[0], (site.lng - card.home[1]) * cos(radians(site.lat)))


def nearest(kind: str, card: TechnicianCard) -> Machine:
    """Return the machine of a kind that stands nearest to a technician's home."""
    return min(
        (machine for machine in machines() if machine.kind == kind),
        key=lambda m: (_degrees_apart(m, card), m.no),
    )


def any_of(kinds: Collection[str], random: Random) -> Machine:
    """Return some machine of one of these kinds."""
    return random.choice([machine for machine in machines() if machine.kind in kinds])
