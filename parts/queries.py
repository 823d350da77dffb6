"""Reads of parts, places, stock and slips: each asks first whether the actor may see."""

from collections.abc import Iterable, Sequence
from typing import Any, TypeVar
from uuid import UUID

from sqlalchemy import String, cast, func, or_, select
from sqlalchemy.orm import contains_eager

from core.errors import Forbidden, NotFound
from core.models import Identified
from core.pages import Page, page
from core.unit import Unit
from parts.models import (
    Discrepancy,
    IssueLine,
    IssueSlip,
    Part,
    Place,
    PlaceKind,
    SlipState,
    StockAccount,
    StockTransfer,
    VanStock,
    account_id_of,
)
from people.models import Technician
from people.permissions import is_field_only, may, require

R = TypeVar("R", bound=Identified)

# What is on these is ours to give out; the others stand for the world outside and for what was used.
OURS = (PlaceKind.BIN, PlaceKind.VAN, PlaceKind.TRANSIT)


def parts(
    unit: Unit, *, search: str = "", limit: int = 50, cursor: str | None = None
) -> Page[Part]:
    """Return parts by number; the word is looked for in number, names and codes."""
    require(unit.actor, "part.read")
    query = select(Part).where(Part.deleted_at.is_(None))
    if search:
        query = query.where(_says(search))
    return page(unit, query, (Part.sku, Part.id), limit=limit, cursor=cursor)


def _says(search: str) -> Any:
    columns = (Part.sku, Part.name, Part.name_zh, cast(Part.codes, String))
    return or_(*(column.icontains(search, autoescape=True) for column in columns))


def part_for(unit: Unit, part_id: UUID) -> Part:
    """Return one part.

    Raises NotFound.
    """
    require(unit.actor, "part.read")
    part = unit.get(Part, part_id)
    if part is None or part.deleted_at is not None:
        raise NotFound("No such part.")
    return part


def successors(unit: Unit, part: Part) -> list[Part]:
    """Return what replaces a part: its successor, that one's, and so on."""
    chain, seen = [], {part.id}
    while part.successor_id is not None and part.successor_id not in seen:
        part = unit.must(Part, part.successor_id, "No such part.")
        seen.add(part.id)
        chain.append(part)
    return chain


def places(
    unit: Unit,
    *,
    kind: str | None = None,
    search: str = "",
    limit: int = 50,
    cursor: str | None = None,
) -> Page[Place]:
    """Return places by name: shelves, vans and what is on its way, unless another kind is asked for."""
    require(unit.actor, "stock.read")
    query = select(Place).where(
        Place.kind == PlaceKind(kind) if kind else Place.kind.in_((*OURS, PlaceKind.SCRAP))
    )
    if search:
        query = query.where(Place.name.icontains(search, autoescape=True))
    return page(unit, query, (Place.name, Place.id), limit=limit, cursor=cursor)


def place_for(unit: Unit, place_id: UUID) -> Place:
    """Return one place.

    Raises NotFound.
    """
    return unit.must(Place, place_id, "No such place.")


def driver_of(unit: Unit, van: Place) -> UUID | None:
    """Return the technician who drives the van."""
    if van.technician_id is not None:
        return van.technician_id
    return unit.session.scalar(
        select(Technician.id).where(Technician.van_place_id == van.id).limit(1)
    )


def check_own_van(unit: Unit, van: Place) -> None:
    """Let people of the office pass, and the technician who drives the van.

    Raises Forbidden.
    """
    if not is_field_only(unit.actor) or van.technician_id == unit.actor.engineer:
        return
    technician = (
        unit.get(Technician, unit.actor.technician_id) if unit.actor.technician_id else None
    )
    if technician is None or technician.van_place_id != van.id:
        raise Forbidden("This van belongs to another technician.")


def stock(
    unit: Unit,
    *,
    place_id: UUID | None = None,
    part_id: UUID | None = None,
    search: str = "",
    limit: int = 50,
    cursor: str | None = None,
) -> Page[dict[str, Any]]:
    """Return what our places hold, by place and part."""
    require(unit.actor, "stock.read")
    query = (
        select(StockAccount)
        .join(StockAccount.place)
        .join(StockAccount.part)
        .options(contains_eager(StockAccount.place), contains_eager(StockAccount.part))
    )
    query = (
        query.where(StockAccount.place_id == place_id)
        if place_id
        else query.where(Place.kind.in_(OURS))
    )
    if part_id:
        query = query.where(StockAccount.part_id == part_id)
    if search:
        query = query.where(_says(search))
    found = page(unit, query, (Place.name, Part.sku, StockAccount.id), limit=limit, cursor=cursor)
    vans = by_id(unit, VanStock, [a.id for a in found.items if a.place.kind is PlaceKind.VAN])
    return Page([_stock_row(account, vans.get(account.id)) for account in found.items], found.next)


def _stock_row(account: StockAccount, van: VanStock | None) -> dict[str, Any]:
    return {
        "place_id": account.place_id,
        "place_name": account.place.name,
        "place_kind": account.place.kind,
        "part_id": account.part_id,
        "sku": account.part.sku,
        "name": account.part.name,
        "name_zh": account.part.name_zh,
        "on_hand": account.on_hand,
        "reserved": account.reserved,
        "available": account.on_hand - account.reserved,
        "unexplained": van.unexplained if van else 0,
        "min": van.min if van else 0,
        "max": van.max if van else 0,
    }


def best_shelf(unit: Unit, part_ids: Sequence[UUID]) -> Place | None:
    """Return the shelf with most of these parts free to take."""
    free = func.coalesce(func.sum(StockAccount.on_hand - StockAccount.reserved), 0)
    query = (
        select(Place)
        .outerjoin(
            StockAccount,
            (StockAccount.org_id == Place.org_id)
            & (StockAccount.place_id == Place.id)
            & StockAccount.part_id.in_(list(part_ids)),
        )
        .where(Place.kind == PlaceKind.BIN)
        .group_by(Place.org_id, Place.id)
        .order_by(free.desc(), Place.name, Place.id)
        .limit(1)
    )
    return unit.session.scalar(query)


def by_id(unit: Unit, model: type[R], ids: Iterable[UUID]) -> dict[UUID, R]:
    """Return the rows with these ids, by id."""
    wanted = set(ids)
    if not wanted:
        return {}
    return {row.id: row for row in unit.session.scalars(select(model).where(model.id.in_(wanted)))}


def moves(
    unit: Unit,
    *,
    place_id: UUID | None = None,
    part_id: UUID | None = None,
    reference_id: UUID | None = None,
    limit: int = 50,
    cursor: str | None = None,
) -> Page[dict[str, Any]]:
    """Return movements, newest first."""
    require(unit.actor, "stock.read")
    query = select(StockTransfer)
    if part_id:
        query = query.where(StockTransfer.part_id == part_id)
    if reference_id:
        query = query.where(StockTransfer.reference_id == reference_id)
    if place_id:
        accounts = select(StockAccount.id).where(StockAccount.place_id == place_id)
        query = query.where(
            or_(StockTransfer.source_id.in_(accounts), StockTransfer.target_id.in_(accounts))
        )
    order = (StockTransfer.recorded_at.desc(), StockTransfer.id.desc())
    found = page(unit, query, order, limit=limit, cursor=cursor)
    return Page(move_views(unit, found.items), found.next)


def move_views(unit: Unit, transfers: Sequence[StockTransfer]) -> list[dict[str, Any]]:
    """Return movements with the words people read."""
    known = by_id(unit, Part, (t.part_id for t in transfers))
    accounts = by_id(
        unit, StockAccount, (side for t in transfers for side in (t.source_id, t.target_id))
    )
    lie = by_id(unit, Place, (account.place_id for account in accounts.values()))
    copied = (
        "id",
        "kind",
        "part_id",
        "qty",
        "value_micro",
        "reason",
        "reference_kind",
        "reference_id",
        "corrects_id",
    )
    times = ("occurred_at", "recorded_at", "actor_id")
    views = []
    for transfer in transfers:
        source, target = (
            lie[accounts[transfer.source_id].place_id],
            lie[accounts[transfer.target_id].place_id],
        )
        part = known[transfer.part_id]
        words = {
            "sku": part.sku,
            "name": part.name,
            "name_zh": part.name_zh,
            "from_place_id": source.id,
            "from_place_name": source.name,
            "from_place_kind": source.kind,
            "to_place_id": target.id,
            "to_place_name": target.name,
            "to_place_kind": target.kind,
        }
        views.append({name: getattr(transfer, name) for name in (*copied, *times)} | words)
    return views


def discrepancies(
    unit: Unit,
    *,
    open: bool = True,
    place_id: UUID | None = None,
    limit: int = 50,
    cursor: str | None = None,
) -> Page[dict[str, Any]]:
    """Return what vans used beyond the books, newest first; a technician sees their own van's."""
    require(unit.actor, "stock.read")
    query = select(Discrepancy).where(Discrepancy.state == ("open" if open else "resolved"))
    if place_id:
        query = query.where(Discrepancy.van_place_id == place_id)
    if is_field_only(unit.actor):
        query = query.where(Discrepancy.van_place_id.in_(_own_vans(unit)))
    order = (Discrepancy.opened_at.desc(), Discrepancy.id.desc())
    found = page(unit, query, order, limit=limit, cursor=cursor)
    known = by_id(unit, Part, (row.part_id for row in found.items))
    vans = by_id(unit, Place, (row.van_place_id for row in found.items))
    copied = (
        "id",
        "version",
        "part_id",
        "van_place_id",
        "qty_open",
        "opened_at",
        "state",
        "resolution",
    )
    views = [
        {name: getattr(row, name) for name in copied}
        | {
            "sku": known[row.part_id].sku,
            "part_name": known[row.part_id].name,
            "part_name_zh": known[row.part_id].name_zh,
            "van_name": vans[row.van_place_id].name,
            "technician_id": vans[row.van_place_id].technician_id,
        }
        for row in found.items
    ]
    return Page(views, found.next)


def _own_vans(unit: Unit) -> Any:
    mine = unit.actor.technician_id
    given = select(Technician.van_place_id).where(Technician.id == mine)
    return select(Place.id).where(or_(Place.technician_id == mine, Place.id.in_(given)))


def van_low(unit: Unit, place_id: UUID) -> Sequence[VanStock]:
    """Return what the van has less of than it should."""
    require(unit.actor, "stock.read")
    query = (
        select(VanStock)
        .where(
            VanStock.place_id == place_id,
            VanStock.on_hand < VanStock.min,
            VanStock.deleted_at.is_(None),
        )
        .order_by(VanStock.id)
    )
    return unit.session.scalars(query).all()


def slips(
    unit: Unit,
    *,
    state: str | None = None,
    to_place_id: UUID | None = None,
    limit: int = 50,
    cursor: str | None = None,
) -> Page[IssueSlip]:
    """Return slips, newest first; a technician sees those to their own van."""
    require(unit.actor, "slip.receive")
    query = select(IssueSlip).where(IssueSlip.deleted_at.is_(None))
    if is_field_only(unit.actor):
        query = query.where(IssueSlip.to_place_id.in_(_own_vans(unit)))
    if state:
        query = query.where(IssueSlip.state == SlipState(state))
    if to_place_id:
        query = query.where(IssueSlip.to_place_id == to_place_id)
    return page(
        unit, query, (IssueSlip.created_at.desc(), IssueSlip.id.desc()), limit=limit, cursor=cursor
    )


def slip_for(unit: Unit, slip_id: UUID, *, change: bool = False) -> IssueSlip:
    """Return the slip if this actor may see it; locked when it is going to change.

    Raises NotFound, Forbidden.
    """
    require(unit.actor, "slip.receive")
    slip = unit.take(IssueSlip, slip_id) if change else unit.get(IssueSlip, slip_id)
    if slip is None or slip.deleted_at is not None:
        raise NotFound("No such issue slip.")
    check_own_van(unit, place_for(unit, slip.to_place_id))
    return slip


def code_of(unit: Unit, slip_id: UUID) -> str:
    """Return what the storekeeper's screen shows for the technician to scan."""
    require(unit.actor, "slip.work")
    return slip_for(unit, slip_id).token


def lines_of(unit: Unit, slip_id: UUID) -> Sequence[IssueLine]:
    """Return the lines of a slip in their order."""
    return unit.session.scalars(
        select(IssueLine).where(IssueLine.slip_id == slip_id).order_by(IssueLine.position)
    ).all()


def slip_view(unit: Unit, slip: IssueSlip) -> dict[str, Any]:
    """Return a slip with the words people read."""
    return slip_views(unit, [slip])[0]


def slip_views(unit: Unit, rows: Sequence[IssueSlip]) -> list[dict[str, Any]]:
    """Return slips with the words people read."""
    lie = by_id(
        unit, Place, (place for slip in rows for place in (slip.from_place_id, slip.to_place_id))
    )
    wanted = {UUID(str(line["part_id"])) for slip in rows for line in slip.lines_doc}
    known = by_id(unit, Part, wanted)
    shelves = {slip.from_place_id for slip in rows}
    accounts = by_id(
        unit, StockAccount, (account_id_of(shelf, part) for shelf in shelves for part in wanted)
    )
    copied = (
        "id",
        "version",
        "no",
        "from_place_id",
        "to_place_id",
        "state",
        "reason",
        "token_sha256",
        "handed_by",
        "received_by",
    )
    more = ("technician_id", "created_at", "handed_at", "received_at")
    return [
        {name: getattr(slip, name) for name in (*copied, *more)}
        | {
            "from_place_name": lie[slip.from_place_id].name,
            "to_place_name": lie[slip.to_place_id].name,
            "token": slip.token if may(unit.actor, "slip.work") else None,
            "lines": [
                _line_view(line, known, accounts, slip.from_place_id) for line in slip.lines_doc
            ],
        }
        for slip in rows
    ]


def _line_view(
    line: dict[str, Any],
    known: dict[UUID, Part],
    accounts: dict[UUID, StockAccount],
    shelf_id: UUID,
) -> dict[str, Any]:
    part = known[UUID(str(line["part_id"]))]
    account = accounts.get(account_id_of(shelf_id, part.id))
    return line | {
        "sku": part.sku,
        "name": part.name,
        "name_zh": part.name_zh,
        "codes": part.codes,
        "available": account.on_hand - account.reserved if account else 0,
    }
