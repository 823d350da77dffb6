"""Shapes of plans and of the board."""

from typing import Any

import marshmallow as ma

from core.shapes import (
    Shape,
    anything,
    date_,
    flag,
    ident,
    listed,
    mapped,
    moment,
    nested,
    number,
    real,
    text,
    unchecked,
    whole_numbers,
)
from dispatch.comparing import Difference
from dispatch.days import MOST_DAYS
from dispatch.models import AbsenceKind, OnEvents, PlanKind, PlanState
from dispatch.wishes import WishKind
from work.schemas import VisitView


class AskPlan(Shape):
    """Which days to plan, for whom, how long to search, and what is to be different from usual.

    Whoever is in `without` is taken to be away, `left_out` are visits that are not planned.
    `weights` are prices by name, as the rules have them; `frozen_min` keeps what begins within so
    many minutes where it is.
    """

    day = date_(required=True)
    days = number(default=1, least=1, most=MOST_DAYS)
    technician_ids = listed(ident(), none=True, most=500)
    seconds = number(default=3, least=1, most=120)
    seed = number(default=0, least=0, most=2**31 - 1)
    without = listed(ident(), default=[], most=500)
    left_out = listed(ident(), default=[], most=500)
    overtime_min = number(none=True, least=0, most=8 * 60)
    frozen_min = number(none=True, least=0, most=24 * 60)
    weights = mapped(number(least=0))


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
    day = date_()
    stops = listed(PlannedStop)
    travel_s = number()
    work_s = number()


class Obstacle(Shape):
    """The first thing that keeps one technician from a visit."""

    technician_id = ident(none=True)
    day = date_(none=True)
    code = text()
    message = text()


class UnplacedVisit(Shape):
    """A visit that fits nowhere, and why for each technician."""

    visit_id = ident()
    reasons = listed(Obstacle)


class RefusedVisit(Shape):
    """A visit that was left as it is: it changed since it was planned, or is locked and had no place."""

    visit_id = ident()
    code = text()
    message = text()


class PlanFilter(Shape):
    """Of which day the proposals are; with none, today's."""

    day = date_()


class CauseView(Shape):
    """What has happened that a proposal answers: a code, in words, and whom or what it is about."""

    code = text()
    message = text()
    visit_id = ident(none=True)
    technician_id = ident(none=True)


class PlanLine(Shape):
    """A proposal in the list of them. `asked` says what was to be different from usual.

    One that nobody asked for is made `by_itself`; `causes` say what it answers.
    """

    id = ident()
    version = number()
    day = date_()
    days = number()
    kind = text(one_of=[kind.value for kind in PlanKind])
    asked = anything()
    state = text(one_of=[state.value for state in PlanState])
    progress = number()
    message = text()
    cost = mapped(number())
    placed = number()
    left_out = number()
    by_itself = flag()
    causes = listed(CauseView)
    created_at = moment()


class Publish(Shape):
    """Which visits of a proposal are taken over; with nothing said, all of them.

    `technician_ids` stands for every visit that is given to or taken from them.
    """

    visit_ids = listed(ident(), none=True, most=5000)
    technician_ids = listed(ident(), none=True, most=1000)


class PlanView(Shape):
    """A proposal for a day, or for several on end.

    `kind` says why it was made, `asked` what was to be different from usual, `published` which of
    its visits were taken over already.
    """

    id = ident()
    version = number()
    day = date_()
    days = number()
    kind = text(one_of=[kind.value for kind in PlanKind])
    asked = anything()
    published = listed(ident())
    state = text(one_of=[state.value for state in PlanState])
    progress = number()
    message = text()
    cost = mapped(number())
    routes = listed(PlannedRoute)
    unplaced = listed(UnplacedVisit)
    refused = listed(RefusedVisit)
    by_itself = flag()
    causes = listed(CauseView)
    created_at = moment()
    published_at = moment(none=True)


class FindingView(Shape):
    """A broken rule or something to know, in words and in figures.

    `standing` says that the rule is broken already, without this visit.
    """

    code = text()
    visit_id = ident(none=True)
    message = text()
    details = anything()
    standing = flag()


class AskReplan(Shape):
    """What has happened, and how many visits may move for it.

    `emergency` names the visit that must be placed, `absence` the technician who is away or late;
    `cancellation` asks what would fit into the plan as it is. With `seconds` the answer is searched
    for as a job; without, it is there at once.
    """

    event = text(required=True, one_of=["emergency", "cancellation", "absence"])
    day = date_()
    days = number(default=1, least=1, most=MOST_DAYS)
    visit_id = ident(none=True)
    technician_id = ident(none=True)
    budget = number(none=True, least=0, most=1000)
    seconds = number(default=0, least=0, most=120)


class NoteAbsence(Shape):
    """Who takes no visit, why, and from when to when.

    Instead of `ends_at`, `delay_min` says how many minutes somebody is late from now, or from the
    planned end of what is under way.
    """

    technician_id = ident(required=True)
    kind = text(required=True, one_of=[kind.value for kind in AbsenceKind])
    begins_at = moment(none=True)
    ends_at = moment(none=True)
    delay_min = number(none=True, least=1, most=12 * 60)
    note = text(default="", most=500)


class AbsenceView(Shape):
    """A time in which a technician takes no visit."""

    id = ident()
    version = number()
    technician_id = ident()
    kind = text(one_of=[kind.value for kind in AbsenceKind])
    begins_at = moment()
    ends_at = moment()
    note = text()
    created_at = moment()
    called_off_at = moment(none=True)


class AbsenceFilter(Shape):
    """For which days absences are looked for."""

    day = date_()
    days = number(default=1, least=1, most=31)

    @ma.pre_load
    def _whole(self, data: Any, **_: Any) -> Any:
        return whole_numbers(data, "days")


class RulesIn(Shape):
    """What plans cost and allow; what is not said stays. `weights` are prices by name, in seconds of driving."""

    weights = mapped(number(least=0))
    overtime_min = number(least=0, most=8 * 60)
    frozen_min = number(least=0, most=24 * 60)
    budget = number(least=0, most=1000)
    split_above = number(least=50, most=5000)
    on_events = text(one_of=[one.value for one in OnEvents])


class RulesView(Shape):
    """What plans cost and allow; `usual` is what each price is where nothing is said."""

    version = number()
    weights = mapped(number())
    usual = mapped(number())
    overtime_min = number()
    frozen_min = number()
    budget = number()
    split_above = number()
    on_events = text(one_of=[one.value for one in OnEvents])


class Compare(Shape):
    """Which proposals, by their ids with commas between, and against which; without, the plan that runs."""

    plans = text(default="", most=200)
    against = ident()


class PlanSums(Shape):
    """A plan in figures; the cost is in seconds of driving."""

    placed = number()
    left_out = number()
    late = number()
    travel_min = number()
    overtime_min = number()
    work_min = number()
    cost = number()


class CostTerm(Shape):
    """One term of the cost in both plans."""

    name = text()
    before = number()
    after = number()


class WhereView(Shape):
    """With whom a visit is, on which day, and when."""

    technician_id = ident()
    name = text()
    day = date_()
    starts_at = moment()
    departs_at = moment()


class ChangeView(Shape):
    """One visit that is not as it was."""

    visit_id = ident()
    no = text()
    title = text()
    priority = number()
    difference = text(one_of=[one.value for one in Difference])
    before = nested(WhereView, none=True)
    after = nested(WhereView, none=True)
    late_before_min = number()
    late_after_min = number()


class ComparedPlan(Shape):
    """What one proposal would change. `moved` counts the visits that change hands or day, or lose their place."""

    plan_id = ident()
    kind = text(one_of=[kind.value for kind in PlanKind])
    asked = anything()
    sums = nested(PlanSums)
    terms = listed(CostTerm)
    moved = number()
    changes = listed(ChangeView)
    broken = listed(FindingView)


class ComparisonView(Shape):
    """Proposals side by side; `before` is what they are compared with."""

    day = date_()
    days = number()
    against = ident(none=True)
    before = nested(PlanSums)
    plans = listed(ComparedPlan)


class AskOffers(Shape):
    """From which day on, over how many days, and windows of how many hours."""

    day = date_()
    days = number(default=3, least=1, most=MOST_DAYS)
    hours = number(default=2, least=1, most=12)

    @ma.pre_load
    def _whole(self, data: Any, **_: Any) -> Any:
        return whole_numbers(data, "days", "hours")


class OfferView(Shape):
    """A window that could be promised: what it adds in seconds of driving, and with whom; no price where nobody can."""

    window_from = moment()
    window_to = moment()
    added_cost = number(none=True)
    technician_id = ident(none=True)
    name = text()


class OffersView(Shape):
    """The windows, the earliest first; `note` says so where the driving times are only estimates."""

    visit_id = ident()
    note = text()
    offers = listed(OfferView)


class CheckPlacing(Shape):
    """A visit held over somebody's day; with no start it goes where it fits best."""

    visit_id = ident(required=True)
    technician_id = ident(required=True)
    day = date_(required=True)
    starts_at = moment(none=True)


class PlacedStop(Shape):
    """One visit of the day as it would be; `planned_at` is when it is meant to be now."""

    visit_id = ident()
    version = number()
    planned_at = moment(none=True)
    arrives_at = moment()
    starts_at = moment()
    departs_at = moment()
    travel_s = number()


class PlacingView(Shape):
    """Whether the visit fits there, and the whole day as it would be."""

    visit_id = ident()
    technician_id = ident()
    day = date_()
    fits = flag()
    starts_at = moment(none=True)
    added_cost = number(none=True)
    added_travel_s = number(none=True)
    violations = listed(FindingView)
    notes = listed(FindingView)
    stops = listed(PlacedStop)


class CandidatesDay(Shape):
    """For which day somebody is looked for; with none, the visit's own or today."""

    day = date_()


class CandidateView(Shape):
    """One technician: what the visit would add to the day, or what stands against it."""

    technician_id = ident()
    name = text()
    fits = flag()
    added_cost = number(none=True)
    added_travel_s = number(none=True)
    starts_at = moment(none=True)
    visits = number()
    reasons = listed(FindingView)
    notes = listed(FindingView)


class CandidatesView(Shape):
    """Everybody, the best first."""

    visit_id = ident()
    day = date_()
    candidates = listed(CandidateView)


class Move(Shape):
    """Where a visit goes; the version is the one that whoever moves it has seen."""

    visit_id = ident(required=True)
    version = number(required=True)
    technician_id = ident(none=True)
    day = date_(none=True)
    arrives_at = moment(none=True)
    departs_at = moment(none=True)
    travel_s = number(none=True, least=0, most=86_400)
    position = number(none=True, least=1, most=10_000)


class MoveVisits(Shape):
    """Visits that move together: all of them, or none."""

    moves = listed(Move, required=True, most=100)


class MovedView(Shape):
    """The visits as they are now."""

    visits = listed(VisitView)


class PositionIn(Shape):
    """Where an engineer is, measured when."""

    lat = real(required=True, least=-90, most=90)
    lng = real(required=True, least=-180, most=180)
    accuracy_m = real(none=True, least=0, most=100_000)
    at = moment(required=True)


class PositionView(Shape):
    """Where an engineer was last, and on which visit."""

    technician_id = ident()
    visit_id = ident()
    at = moment()
    lat = real()
    lng = real()
    accuracy_m = real(none=True)


class SharingView(Shape):
    """Whether an engineer shares their position, since when, and for how many hours one is kept."""

    sharing = flag()
    since = moment(none=True)
    kept_hours = number()


class _RuleFields(Shape):
    """What a rule means and what it may do."""

    active = flag()
    kinds = listed(text(most=40), most=10)
    urgency = number(least=1, most=4)
    territories = listed(text(most=80), most=100)
    within_hours = number(least=1, most=168)
    most_added_min = number(least=0, most=600)
    use_standby = flag()
    use_contractors = flag()


class NewRule(_RuleFields):
    """A rule by which orders find their engineer."""

    name = text(required=True, most=80)
    kinds = listed(text(most=40), default=[], most=10)
    urgency = number(default=2, least=1, most=4)
    territories = listed(text(most=80), default=[], most=100)
    within_hours = number(default=4, least=1, most=168)
    most_added_min = number(default=60, least=0, most=600)


class EditRule(_RuleFields):
    """What may change about a rule."""

    name = text(least=1, most=80)


class RuleView(Shape):
    """A rule, in the order in which it is asked."""

    id = ident()
    version = number()
    name = text()
    active = flag()
    rank = number()
    kinds = listed(text())
    urgency = number()
    territories = listed(text())
    within_hours = number()
    most_added_min = number()
    use_standby = flag()
    use_contractors = flag()


class FoundPlace(Shape):
    """Where the map has an address, what it calls it, and how far that is from the place known so far."""

    lat = real()
    lng = real()
    name = text()
    away_m = number()


class WishesIn(Shape):
    """Whom somebody would rather have, and who is not to come; what was said before goes."""

    preferred = listed(ident(), default=[], most=200)
    forbidden = listed(ident(), default=[], most=200)


class WishesView(Shape):
    """Whom somebody would rather have, and who is not to come."""

    preferred = listed(ident())
    forbidden = listed(ident())


class WishView(Shape):
    """One wish, of a customer or of one site."""

    id = ident()
    customer_id = ident(none=True)
    site_id = ident(none=True)
    technician_id = ident()
    kind = text(one_of=[kind.value for kind in WishKind])


class NewStandby(Shape):
    """Who is on call, from when to when."""

    technician_id = ident(required=True)
    begins_at = moment(required=True)
    ends_at = moment(required=True)


class StandbyView(Shape):
    """Somebody on call."""

    id = ident()
    technician_id = ident()
    begins_at = moment()
    ends_at = moment()


class AgainstView(Shape):
    """What stood against one engineer."""

    technician_id = ident()
    code = text()
    message = text()


class AssignmentView(Shape):
    """What a rule decided about an order, and why."""

    id = ident()
    order_id = ident()
    order_no = text()
    title = text()
    visit_id = ident()
    rule = text()
    how = text()
    technician_id = ident(none=True)
    runner_up_id = ident(none=True)
    runner_up = text(none=True)
    runner_up_added_min = number(none=True)
    starts_at = moment(none=True)
    added_min = number(none=True)
    message = text()
    reasons = listed(AgainstView)
    decided_at = moment()
    undone_at = moment(none=True)


class ProblemIn(Shape):
    """A problem as VROOM has it; docs/dispatch.md names every field, and ours beyond."""

    class Meta:
        """What means nothing is noted in the answer, as VROOM lets it pass."""

        unknown = ma.INCLUDE

    jobs = unchecked()
    shipments = unchecked()
    vehicles = unchecked()
    matrices = unchecked()
    matrix = unchecked()
    depots = unchecked()
    weights = unchecked()
    now = unchecked()
    frozen_until = unchecked()
    options = unchecked()


class SolutionView(Shape):
    """A plan as VROOM has it, with what was noted on the way."""

    code = number()
    summary = anything()
    unassigned = anything()
    routes = anything()
    notes = listed(text())


class BoardDay(Shape):
    """Which day to show, or from which one on how many."""

    day = date_()
    days = text(default="1", one_of=["1", "3", "7"])


class BoardView(Shape):
    """A day on the dispatcher's desk."""

    day = date_()
    days = number()
    timezone = text()
    technicians = anything()
    visits = anything()
    unplaced = anything()
