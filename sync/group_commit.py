"""Group commit: phones that push at the same moment cross in one transaction.

While one transaction is on its way to the disk, the pushes that arrive wait; the next transaction
takes them all. The busier it is, the less each push costs. What cannot share a transaction, or
spoils it for the others, gets one of its own.

Method: leader and followers, as in the group commits of database logs (DeWitt et al. 1984,
"Implementation techniques for main memory database systems").
"""

import threading
from collections import deque
from collections.abc import Sequence
from typing import Any

from core.errors import Busy
from sync import push
from sync.push import Batch

# So many phones and mutations share a transaction at most: its locks are held for so long.
MOST_PHONES = 16
MOST_MUTATIONS = 100
# A small push costs less with others than by itself, and waits for them; one of so many mutations
# gains nothing, and crosses beside the transactions that are under way.
LARGE = 20


class _Place:
    """A batch that waits for its turn, and what came of it."""

    def __init__(self, batch: Batch) -> None:
        self.batch = batch
        self.answer: dict[str, Any] | None = None
        self.error: Exception | None = None
        self.leads = False
        # Held until somebody has answered the batch, or it is its own turn to lead.
        self._asleep = threading.Lock()
        self._asleep.acquire()

    def sleep(self, seconds: float = -1) -> bool:
        return self._asleep.acquire(timeout=seconds)

    def wake(self) -> None:
        self._asleep.release()


class GroupCommit:
    """Takes the pushes of one process; at most `at_once` transactions are under way, the others wait in line."""

    def __init__(self, at_once: int, *, wait: float, line: int) -> None:
        self._at_once = at_once
        self._under_way = 0
        self._wait = wait
        self._most = line
        self._lock = threading.Lock()
        self._line: deque[_Place] = deque()

    def apply(self, batch: Batch, *, waited: bool = False) -> dict[str, Any]:
        """Apply a batch, with those of others that wait, and return its answer; who has waited before does not wait again.

        Raises what the push raises, and Busy when the line is too long or does not move.
        """
        place = _Place(batch)
        with self._lock:
            if self._may_lead(place):
                self._under_way += 1
                place.leads = True
            elif waited or len(self._line) >= self._most:
                raise Busy.soon()
            self._line.append(place)
        if not place.leads and not place.sleep(self._wait) and self._leaves(place):
            raise Busy.soon()
        if place.leads:
            self._lead(place)
        if place.answer is None:
            raise place.error or Busy.soon()
        return place.answer

    def _may_lead(self, place: _Place) -> bool:
        if not self._under_way:
            return True
        return self._under_way < self._at_once and len(place.batch.said) >= LARGE

    def _leaves(self, place: _Place) -> bool:
        """Take a place out of the line; one that is under way already is waited for."""
        with self._lock:
            if place in self._line and not place.leads:
                self._line.remove(place)
                return True
        place.sleep()
        return False

    def _lead(self, place: _Place) -> None:
        """Apply one group, this place in it, and pass the lead on."""
        with self._lock:
            group = self._take(place)
        try:
            _settle(group)
        finally:
            for other in group:
                if other is not place:
                    other.wake()
            with self._lock:
                self._under_way -= 1
                waiting = (other for other in self._line if not other.leads)
                following = next((other for other in waiting if self._may_lead(other)), None)
                if following is not None:
                    self._under_way += 1
                    following.leads = True
            if following is not None:
                following.wake()

    def _take(self, leader: _Place) -> list[_Place]:
        """Take out of the line the leader and who can go with it, in the order in which they came."""
        self._line.remove(leader)
        group = [leader]
        if not leader.batch.sociable:
            return group
        count = len(leader.batch.said)
        devices = {leader.batch.device_id}
        ids = {item.id for item in leader.batch.said}
        for place in list(self._line):
            batch = place.batch
            said = {item.id for item in batch.said}
            if (
                place.leads
                or batch.actor.org_id != leader.batch.actor.org_id
                or batch.device_id in devices
                or count + len(said) > MOST_MUTATIONS
                or said & ids
                or not batch.sociable
            ):
                continue
            self._line.remove(place)
            group.append(place)
            devices.add(batch.device_id)
            ids |= said
            count += len(said)
            if len(group) == MOST_PHONES:
                break
        return group


def _settle(group: Sequence[_Place]) -> None:
    """Give every place of the group its answer, or what went wrong for it."""
    together = list(group)
    while len(together) > 1:
        try:
            answers = push.apply_together([place.batch for place in together])
        except push.Spoiled as spoiled:
            (alone,) = [place for place in together if place.batch is spoiled.batch]
            together.remove(alone)
            _by_itself(alone)
        except Exception:  # noqa: BLE001 - each finds by itself what it was, and says so
            break
        else:
            for place, answer in zip(together, answers, strict=True):
                place.answer = answer
            return
    for place in together:
        _by_itself(place)


def _by_itself(place: _Place) -> None:
    try:
        place.answer = place.batch.apply()
    except Exception as error:  # noqa: BLE001 - it is raised where the batch came from
        place.error = error
