"""Made-up instances of a thousand customers: uniform, in clusters, and half of each; short days, long ones.

After what Solomon ("Algorithms for the vehicle routing and scheduling problems with time window
constraints", Operations Research 1987) and Gehring and Homberger say of theirs: a square, one depot
in its middle, ten units of service, and for three quarters of the customers a window whose middle is
drawn from when they can be served at all.
"""

import tempfile
from math import hypot
from pathlib import Path
from random import Random

from dispatch.engine.instances import Instance, read_instance

SIDE, SERVICE = 500, 10
VEHICLES, MOST_DEMAND = 250, 50
# How long a day lasts and what a vehicle holds: ten customers fill it, or fifty.
DAYS = {"1": (1925, 200), "2": (7697, 1000)}
WINDOWED = 0.75
CLUSTERS, SPREAD = 25, 18
KINDS = ("R1", "C1", "RC1", "R2", "C2")


def a_thousand(kind: str, seed: int = 1, count: int = 1000) -> Instance:
    """Return an instance of that kind: the same for the same numbers."""
    rnd = Random(f"{kind} {seed}")
    spread, (horizon, capacity) = kind[:-1], DAYS[kind[-1]]
    centres = [(rnd.uniform(0, SIDE), rnd.uniform(0, SIDE)) for _ in range(CLUSTERS)]
    rows = [(SIDE // 2, SIDE // 2, 0, 0, horizon, 0)]
    for number in range(count):
        clustered = spread == "C" or (spread == "RC" and number % 2)
        x, y = rnd.uniform(0, SIDE), rnd.uniform(0, SIDE)
        if clustered:
            centre = rnd.choice(centres)
            x, y = (min(SIDE, max(0.0, rnd.gauss(at, SPREAD))) for at in centre)
        road = hypot(x - SIDE / 2, y - SIDE / 2)
        opens, closes = 0, int(horizon - road - SERVICE)
        if rnd.random() < WINDOWED:
            middle, half = rnd.uniform(road, closes), abs(rnd.gauss(60, 30))
            opens, closes = max(0, int(middle - half)), min(closes, int(middle + half) + 1)
            closes = max(closes, int(road) + 1)
            opens = min(opens, closes)
        rows.append(
            (round(x), round(y), min(MOST_DEMAND, rnd.randint(1, 40)), opens, closes, SERVICE)
        )
    text = f"{kind}\n\nVEHICLE\nNUMBER CAPACITY\n{VEHICLES} {capacity}\n\nCUSTOMER\n"
    text += "\n".join(f"{k} " + " ".join(map(str, row)) for k, row in enumerate(rows))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"{kind}_{count}.txt"
        path.write_text(text, encoding="utf-8")
        return read_instance(path)
