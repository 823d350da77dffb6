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


def near(kinds: Collection[str], card: TechnicianCard) -> list[Machine]:
    """Return the machines of these kinds, those nearest to a technician's home first."""
    found = (machine for machine in machines() if machine.kind in kinds)
    return sorted(found, key=lambda machine: (_degrees_apart(machine, card), machine.no))


def any_of(kinds: Collection[str], random: Random) -> Machine:
    """Return some machine of one of these kinds."""
    return random.choice([machine for machine in machines() if machine.kind in kinds])
