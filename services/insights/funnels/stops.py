"""Where attempts at a funnel stop, and how.

Each hop of an attempt is looked at for itself: whether the attempt goes on from there. The first from which it doesn't is where it stops.
"""

from dataclasses import dataclass
from enum import IntEnum

from core.instants import MILLISECOND
from core.sql import Sql, Value, all_of, integer, join, numbered, sql, unsigned, unsigneds
from services.insights.funnels.course import CountBy, Course, Order
from services.insights.funnels.hops import next_place, of_step
from services.insights.funnels.rows import Rows, looked_up, shifted


class Stop(IntEnum):
    """How an attempt stops; in SQL a stop is eight times the last step it reaches, plus one of these."""

    OVER = 0
    CUT = 1
    DROPPED = 2
    BROKEN = 3
    DONE = 4


# One after another, the attempts' first hops that they don't go on from.
_AT_THE_STOP = "arrayFilter((one, step) -> step = 1, arrayReverseFill((one, stop) -> stop > 0, {of_hops}, hop_stop), hop_step)"
_END = """multiIf(
            stop % 8 = {over}, (toInt64(0), since + {window}),
            stop % 8 IN ({cut}, {dropped}), (toInt64(greatest({offence}, furthest)), toInt64(0)),
            (toInt64(furthest), toInt64(0))
        )"""


def find_stops(course: Course, rows: Rows, *, in_parts: bool) -> None:
    """Give rows of attempts, which have their hops, an element of `stop` for each attempt; and one of `ends` if all attempts count.

    An end is a place and a time: what is after both is no part of the attempt. `in_parts` says that attempts have to stay among events of
    the same part; `kin` says at every place whether the next event is of the same.
    """
    _Stops(course, rows, in_parts).find()


@dataclass(frozen=True, slots=True)
class _Stops:
    course: Course
    rows: Rows
    in_parts: bool

    def find(self) -> None:
        self.rows.add(sql("{times} AS hop_time", times=looked_up(sql("times"), sql("hop_at"))))
        if self._looks_out:
            self._look_out()
        self.rows.add(sql("{stop} AS hop_stop", stop=self._of_each_hop(self._stop(), self._known())))
        stop = sql("{first} AS stop", first=sql(_AT_THE_STOP, of_hops=sql("hop_stop")))
        if self.course.count_by is not CountBy.TOTALS:
            self.rows.add(stop)
            return
        known = {**self._known(), sql("stop"): sql("hop_stop"), sql("furthest"): sql("hop_furthest")}
        self.rows.add(sql("{end} AS hop_end", end=self._of_each_hop(self._end(), known)))
        self.rows.add(stop, sql("{first} AS ends", first=sql(_AT_THE_STOP, of_hops=sql("hop_end"))))

    @property
    def _strict(self) -> bool:
        return self.course.order is Order.STRICT

    @property
    def _looks_out(self) -> bool:
        """Whether excluded events are looked for; in strict order it is the next event or none."""
        return bool(self.course.exclusions) and not self._strict

    def _look_out(self) -> None:
        """Find the first excluded event after all that an attempt has used."""
        in_force = [self.course.in_force(step) for step in range(1, self.course.last)]
        different = list(dict.fromkeys(in_force))
        names = {bits: numbered("next_out", number) for number, bits in enumerate(different, 1)}
        self.rows.add(*(next_place(name, bits) for bits, name in names.items()))
        after = sql("arrayMap(place -> place + 1, hop_furthest)")
        if len(different) == 1:
            out = looked_up(numbered("next_out", 1), after)
        else:
            all_steps = join(", ", (names[bits] for bits in in_force))
            self.rows.add(sql("arrayConcat({all_steps}) AS next_out", all_steps=all_steps))
            out = of_step(sql("next_out"), sql("hop_step"), after)
        self.rows.add(sql("{out} AS hop_out", out=out))

    def _known(self) -> dict[Sql, Sql]:
        """What is known of each hop, by what it is called, as the array of all hops it comes from."""
        known = {sql("step"): sql("hop_step"), sql("since"): self._since(), sql("next_time"): shifted(sql("hop_time"))}
        if self.course.exclusions or self._strict:
            known[sql("next_at")] = shifted(sql("hop_at"))
            known[sql("next_step")] = shifted(sql("hop_step"))
            known[sql("next_mask")] = shifted(looked_up(sql("masks"), sql("hop_at")))
        if self.in_parts:
            known[sql("next_kin")] = looked_up(sql("kin"), sql("hop_at"))
        if self._looks_out:
            known[sql("out")] = sql("hop_out")
            known[sql("out_time")] = looked_up(sql("times"), sql("hop_out"))
            known[sql("out_mask")] = looked_up(sql("masks"), sql("hop_out"))
        return known

    def _since(self) -> Sql:
        """When the window begins: with the last step, or with the first."""
        return sql("hop_time" if self.course.per_step else "arrayFill((time, step) -> step = 1, hop_time, hop_step)")

    def _stop(self) -> Sql:
        """How an attempt stops at a hop; 0 when it goes on."""
        cases = [(sql("step >= {last}", last=unsigned(self.course.last)), Stop.DONE)]
        if self._looks_out:
            out = sql("out_time > 0 AND out_time <= since + {window} AND out < next_at", window=self._window)
            cases += self._offences(out, sql("out_mask"), self._in_force)
        cases.append((sql("next_time = 0 OR next_time > since + {window}", window=self._window), Stop.OVER))
        if self.in_parts:
            cases.append((sql("next_kin = 0"), Stop.BROKEN))
        if self.course.exclusions:
            # The event that takes the attempt to the end of an exclusion isn't in between.
            not_ended = unsigneds(
                [self.course.not_ended_by(step) for step in range(1, self.course.last + 1)] + [self.course.not_ended_by(0)]
            )
            bits = sql("bitAnd({in_force}, {not_ended}[next_step])", in_force=self._in_force, not_ended=not_ended)
            cases += self._offences(sql("true"), sql("next_mask"), bits)
        if self._strict:
            cases.append((sql("next_step > {last}", last=unsigned(self.course.last)), Stop.BROKEN))
        stops = (sql("{when}, step * 8 + {how}", when=when, how=unsigned(how)) for when, how in cases)
        return sql("multiIf({stops}, 0)", stops=join(", ", stops))

    def _offences(self, when: Sql, mask: Sql, bits: Sql) -> list[tuple[Sql, Stop]]:
        """When an event offends one of some exclusions; what drops attempts goes before what cuts them."""
        drops = unsigned(self.course.drop_bits)
        offends = sql("bitAnd({mask}, {bits})", mask=mask, bits=bits)
        return [
            (all_of([when, sql("bitAnd({offends}, {drops}) > 0", offends=offends, drops=drops)]), Stop.DROPPED),
            (all_of([when, sql("{offends} > 0", offends=offends)]), Stop.CUT),
        ]

    def _end(self) -> Sql:
        """The place and the time with which an attempt ends that stops at a hop."""
        return sql(
            _END,
            over=unsigned(Stop.OVER),
            cut=unsigned(Stop.CUT),
            dropped=unsigned(Stop.DROPPED),
            window=self._window,
            offence=sql("least(next_at, out)" if self._looks_out else "next_at" if self.course.exclusions else "furthest"),
        )

    @property
    def _window(self) -> Value:
        return integer(self.course.window // MILLISECOND)

    @property
    def _in_force(self) -> Sql:
        """The exclusions in force after a step."""
        return sql("{bits}[step]", bits=unsigneds([self.course.in_force(step) for step in range(1, self.course.last)]))

    @staticmethod
    def _of_each_hop(value: Sql, known: dict[Sql, Sql]) -> Sql:
        return sql("arrayMap(({names}) -> {value}, {arrays})", names=join(", ", known), value=value, arrays=join(", ", known.values()))
