"""Other plans to begin a search from than the first one."""

from collections.abc import Sequence

from dispatch.engine.arrays import Question
from dispatch.engine.kernel import layout as at


def halved(question: Question, routes: Sequence[Sequence[int]]) -> list[list[int]]:
    """Return the routes with the later half of each given to somebody of the same kind at home.

    A search closes routes that are too many by itself, visit by visit. It hardly ever opens one:
    several visits have to move there at once before it pays.
    """
    kinds = question.engineers[:, at.KIND].tolist()
    idle: dict[int, list[int]] = {}
    for v in range(len(routes) - 1, -1, -1):
        if not routes[v]:
            idle.setdefault(kinds[v], []).append(v)
    parted = [list(route) for route in routes]
    for v in sorted(range(len(routes)), key=lambda v: (-len(routes[v]), v)):
        free = idle.get(kinds[v])
        if free and len(routes[v]) > 1:
            middle = len(routes[v]) // 2
            parted[v], parted[free.pop()] = list(routes[v][:middle]), list(routes[v][middle:])
    return parted
