from core.instruments import Counter, Gauge
from measured import Measured


def test_a_counter_is_shown_from_the_start_and_adds_up() -> None:
    measured = Measured()
    counter = Counter(measured.meter, "pug.things", "Things.", unit="{thing}")

    before = measured.value("pug.things")
    counter.add(2)
    counter.add(3)

    assert (before, measured.value("pug.things")) == (0, 5)


def test_a_counter_with_a_label_counts_each_of_its_values() -> None:
    measured = Measured()
    counter = Counter(measured.meter, "pug.things", "Things.", unit="{thing}", label="kind")

    counter.add(2, "round")
    counter.add(1, "square")
    counter.add(2, "round")

    assert measured.points() == {("pug.things", (("kind", "round"),)): 4, ("pug.things", (("kind", "square"),)): 1}


def test_known_values_of_a_label_are_shown_from_the_start() -> None:
    measured = Measured()

    Counter(measured.meter, "pug.things", "Things.", unit="{thing}", label="kind", known=("round",))

    assert measured.points() == {("pug.things", (("kind", "round"),)): 0}


def test_a_gauge_is_looked_up_and_not_shown_while_it_is_unknown() -> None:
    measured = Measured()
    known: list[float | None] = [None]
    Gauge(measured.meter, "pug.level", "A level.", lambda: known[0], unit="1")

    before = measured.value("pug.level")
    known[0] = 3

    assert (before, measured.value("pug.level")) == (None, 3)
