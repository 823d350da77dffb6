"""What is dear to leave out takes the place of what is cheap."""

import pytest

from dispatch.engine.problem import Planned, StoppingRule
from dispatch.engine.solver import solve
from dispatch.engine.validator import violations
from tests.dispatch.days import HOUR, between, day, engineer, visit

HARDLY_ANY_TIME = StoppingRule(seconds=60, iterations=1)
ENGINEERS, HOURS = 30, range(9, 17)
# So many others are left out as well that chance alone does not soon come upon the dear one.
MANY = 500


@pytest.mark.parametrize("seed", range(3))
def test_a_dear_visit_takes_the_place_of_a_cheap_one(seed: int) -> None:
    who = [engineer(f"e{n}") for n in range(ENGINEERS)]
    cheap = [
        visit(f"{one.id} at {hour}", penalty=20_000, planned=Planned(one.id, hour * HOUR))
        for one in who
        for hour in HOURS
    ]
    others = [visit(f"other {number}", penalty=5_000) for number in range(MANY)]
    dear = visit("gas", penalty=900_000, only=frozenset({"e7"}), windows=(between(11, 11.5),))
    problem = day(who, [*cheap, *others, dear])
    plan = solve(problem, HARDLY_ANY_TIME, seed=seed, explain=False)
    broken = [one for one in violations(problem, plan) if one.rule.value != "reasons"]
    assert broken == []
    left = {one.visit_id for one in plan.unplaced}
    assert "gas" not in left
    assert len(left) == MANY + 1
