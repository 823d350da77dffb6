"""Shapes of plans and of the board."""

from core.shapes import Shape, anything, date_, ident, listed, mapped, moment, number, text
from dispatch.models import PlanState


class AskPlan(Shape):
    """Which day to plan, for whom, and how long to search."""

    day = date_(required=True)
    technician_ids = listed(ident(), none=True, most=500)
    seconds = number(default=3, least=1, most=120)
    seed = number(default=0, least=0, most=2**31 - 1)


class Why(Shape):
    """Why this engineer: what settled it, and who comes next at which extra cost."""

    code = text()
    message = text()
    added_cost = number()
    runner_up_id = ident(none=True)
    runner_up_extra_cost = number(none=True)


class PlannedStop(Shape):
    """One visit on a route."""

    visit_id = ident()
    arrives_at = moment()
    starts_at = moment()
    departs_at = moment()
    travel_s = number()
    why = anything(none=True)


class PlannedRoute(Shape):
    """One technician's day."""

    technician_id = ident()
    stops = listed(PlannedStop)
    travel_s = number()
    work_s = number()


class Obstacle(Shape):
    """The first thing that keeps one technician from a visit."""

    technician_id = ident(none=True)
    code = text()
    message = text()


class UnplacedVisit(Shape):
    """A visit that fits nowhere, and why for each technician."""

    visit_id = ident()
    reasons = listed(Obstacle)


class RefusedVisit(Shape):
    """A visit that changed since it was planned and was left as it is."""

    visit_id = ident()
    code = text()
    message = text()


class PlanView(Shape):
    """A proposal for a day."""

    id = ident()
    version = number()
    day = date_()
    state = text(one_of=[state.value for state in PlanState])
    progress = number()
    message = text()
    cost = mapped(number())
    routes = listed(PlannedRoute)
    unplaced = listed(UnplacedVisit)
    refused = listed(RefusedVisit)
    created_at = moment()
    published_at = moment(none=True)


class BoardDay(Shape):
    """Which day to show."""

    day = date_()


class BoardView(Shape):
    """A day on the dispatcher's desk."""

    day = date_()
    timezone = text()
    technicians = anything()
    visits = anything()
    unplaced = anything()
