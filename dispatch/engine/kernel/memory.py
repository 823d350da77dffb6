"""One flat array for many tables, and the way into it for compiled functions and for Python."""

from collections.abc import Callable, Mapping, Sequence
from math import prod
from typing import Any

import numpy as np
import numpy.typing as npt
from numba import njit, types

I64 = npt.NDArray[np.int64]


def native(function: Callable[..., Any]) -> Any:
    """Return the function to be compiled when it is first called, and kept from then on.

    Numba would compile it anew for every number that is written out in a call: more than half of
    all the work. A number is taken for any number here. Nothing is allocated inside, so that arrays
    need not be counted either: threads that do so wait for one another.
    """
    return _compiled(function, inside=False)


def inside(function: Callable[..., Any]) -> Any:
    """Return the function to be compiled into the one that calls it: for what is called most.

    Handing the way into the memory on takes longer than many of the functions themselves.
    """
    return _compiled(function, inside=True)


def _compiled(function: Callable[..., Any], *, inside: bool) -> Any:
    options: Any = {"cache": True, "nogil": True, "error_model": "numpy", "_nrt": False}
    made: Any = njit(forceinline=inside, **options)(function)
    asked = made.get_call_template

    def call_template(arguments: Any, keywords: Any) -> Any:
        return asked(
            tuple(types.unliteral(one) for one in arguments),
            {name: types.unliteral(one) for name, one in keywords.items()},
        )

    made.get_call_template = call_template
    return made


@native
def row(memory, region, i):
    """Return where row i of a table begins."""
    return memory[region] + i * memory[region + 1]


@native
def mark(memory, region, i, j):
    """Return where row j of slice i of a table begins."""
    return memory[region] + i * memory[region + 1] + j * memory[region + 2]


def packed(
    head: int, first: int, names: Sequence[str], tables: Mapping[str, I64 | tuple[int, ...]]
) -> tuple[I64, dict[str, I64]]:
    """Return the memory for these tables and each table as a view into it.

    A table is given with its numbers, or as a shape to be filled with zeros. `head` numbers stand
    before all tables; the way to each is written there from `first` on.
    """
    shapes = [one if isinstance(one, tuple) else one.shape for one in (tables[n] for n in names)]
    sizes = [prod(shape) for shape in shapes]
    memory = np.zeros(head + sum(sizes), np.int64)
    views: dict[str, I64] = {}
    at = head
    for number, (name, shape, size) in enumerate(zip(names, shapes, sizes, strict=True)):
        memory[first + 3 * number] = at
        if len(shape) > 1:
            memory[first + 3 * number + 1] = prod(shape[1:])
            memory[first + 3 * number + 2] = prod(shape[2:])
        view = memory[at : at + size].reshape(shape)
        table = tables[name]
        if not isinstance(table, tuple):
            view[...] = table
        views[name] = view
        at += size
    return memory, views
