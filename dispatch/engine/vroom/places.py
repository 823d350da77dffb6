"""Where things are and how long the ways take: locations, numbers of places, matrices or a router's table."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from dispatch.engine.problem import (
    LATEST_S,
    Engineer,
    Matrix,
    Place,
)
from dispatch.engine.travel import TravelModel, straight_km, travel_matrix
from dispatch.engine.vroom.reading import BadInput, Node
from dispatch.engine.vroom.shapes import Spot, Table

LARGEST_MATRIX = 7_000

# From places and the name of a profile to a table; a router may stand behind it.
Drives = Callable[[Sequence[Place], str], Table]


def modelled(places: Sequence[Place], _profile: str) -> Table:
    """Return the table of the stated travel model, the same for every profile."""
    model = TravelModel()
    seconds = np.asarray(travel_matrix(places, model), np.int32).reshape(len(places), len(places))
    metres = np.rint(straight_km(places) * model.detour * 1000).astype(np.int32)
    return Table(seconds, metres)


class Places:
    """The places of one problem, numbered as they are met, or by the matrices that it brings along.

    `anywhere` says that a place is needed from which everything is at hand, for vehicles that begin
    where their work is.
    """

    def __init__(self, root: Node, drives: Drives) -> None:
        self.root = root
        self.drives = drives
        self.notes: list[str] = []
        self.places: list[Place] = []
        self.numbers: dict[tuple[float, float], int] = {}
        self.anywhere = False
        self.own = root.has("matrices") or root.has("matrix")
        self.size = 0

    def spot(self, node: Node, point: str = "location", index: str = "location_index") -> Spot:
        """Return where the node says it is."""
        shown: dict[str, Any] = {}
        number = None
        if node.has(point):
            place = self.coordinates(node.get(point))
            shown[point if point == "location" else "location"] = [place.lng, place.lat]
            if not self.own:
                number = self.numbers.setdefault((place.lat, place.lng), len(self.places))
                if number == len(self.places):
                    self.places.append(place)
        if self.own:
            number = node.at(index).whole(0, max(0, self.size - 1))
            shown["location_index"] = number
        if number is None:
            raise node.refuse(f"{point}_missing", f"{point} is missing, and there are no matrices.")
        return Spot(number, shown)

    def coordinates(self, node: Node) -> Place:
        """Return a longitude and a latitude as a place."""
        pair = node.list()
        if len(pair) != 2:
            raise node.refuse("bad_location", "a location is a longitude and a latitude.")
        lng, lat = (one.number(-1e9, 1e9) for one in pair)
        if not (-90 <= lat <= 90 and -180 <= lng <= 180):
            raise node.refuse("off_the_globe", f"[{lng}, {lat}] is off the globe.")
        return Place(lat, lng)

    def matrices(self) -> dict[str, tuple[Matrix, Matrix | None]]:
        """Return seconds and metres by profile, as far as the JSON brings them along."""
        if self.root.has("matrix"):
            only = self.matrix(self.root.get("matrix"))
            self.size = len(only)
            return {"car": (only, None)}
        tables: dict[str, tuple[Matrix, Matrix | None]] = {}
        for profile, node in self.root.maybe("matrices", lambda n: list(n.members()), []):
            if node.object().has("costs"):
                raise node.get("costs").refuse(
                    "unsupported", "a matrix of costs cannot be planned with; give durations."
                )
            seconds = self.matrix(node.at("durations"))
            metres = node.maybe("distances", lambda n: self.matrix(n, 2**31 - 1))
            if metres is not None and len(metres) != len(seconds):
                raise node.refuse("matrix_size", "durations and distances differ in size.")
            if tables and len(seconds) != len(next(iter(tables.values()))[0]):
                raise node.refuse("matrix_size", "the matrices are not of one size.")
            self.notes += node.unheeded({"durations", "distances", "costs"})
            tables[profile] = (seconds, metres)
        if self.own and not tables:
            raise self.root.get("matrices").refuse("matrix_missing", "there is no matrix in it.")
        self.size = len(next(iter(tables.values()))[0]) if tables else 0
        return tables

    def matrix(self, node: Node, most: int = LATEST_S) -> Matrix:
        """Return a square of whole numbers up to `most`."""
        rows = node.list(LARGEST_MATRIX)
        if not rows:
            raise node.refuse("matrix_size", "the matrix is empty.")
        for row in rows:
            if not isinstance(row.value, list) or len(row.value) != len(rows):
                raise row.refuse("matrix_size", f"the row must hold {len(rows)} numbers.")
            for number, cell in enumerate(row.value):
                if type(cell) is not int or not 0 <= cell <= most:
                    Node(cell, f"{row.place}[{number}]").whole(0, most)
        return np.array(node.value, np.int32)

    def tables(
        self, given: Mapping[str, tuple[Matrix, Matrix | None]], engineers: Sequence[Engineer]
    ) -> tuple[Matrix, dict[str, Matrix | None], dict[str, Matrix]]:
        """Return the usual matrix, metres by profile and seconds by profile."""
        profiles = list(dict.fromkeys(str(one.profile) for one in engineers))
        seconds: dict[str, Matrix] = {}
        metres: dict[str, Matrix | None] = {}
        for profile in profiles:
            if self.own:
                if profile not in given:
                    raise BadInput(
                        "matrix_missing",
                        f"There is no matrix for the profile {profile}.",
                        "matrices",
                    )
                seconds[profile], metres[profile] = given[profile]
            else:
                table = self.drives(self.places, profile)
                self.notes += [note for note in table.notes if note not in self.notes]
                seconds[profile], metres[profile] = table.seconds, table.metres
        if self.anywhere:
            # A place from which everything is at hand, for vehicles that begin where their work is.
            seconds = {name: np.pad(table, ((0, 1), (0, 1))) for name, table in seconds.items()}
            metres = {
                name: None if table is None else np.pad(table, ((0, 1), (0, 1)))
                for name, table in metres.items()
            }
        return next(iter(seconds.values())), metres, seconds

    def anywhere_index(self) -> int:
        """Return the number of the place from which everything is at hand."""
        return self.size if self.own else len(self.places)
