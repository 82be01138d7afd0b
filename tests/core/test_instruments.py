from core.instruments import Counter
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
