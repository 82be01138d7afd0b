from services.capture.recent import RecentEvents


def test_an_event_that_was_accepted_is_known_in_its_project_alone() -> None:
    recent = RecentEvents()

    recent.remember(1, ["a", "b"])

    assert recent.known(1, ["a", "c"]) == {"a"}
    assert recent.known(2, ["a", "c"]) == set()


def test_an_id_two_projects_use_is_never_taken_for_the_other_ones() -> None:
    recent = RecentEvents()

    recent.remember(1, ["a"])
    recent.remember(2, ["a"])

    assert recent.known(2, ["a"]) == {"a"}
    assert recent.known(1, ["a"]) == set()


def test_as_many_as_it_holds_are_known_and_memory_is_bounded() -> None:
    recent = RecentEvents(held=100)

    for number in range(1_000):
        recent.remember(1, [str(number)])

    assert recent.known(1, map(str, range(900, 1_000))) == set(map(str, range(900, 1_000)))
    assert len(recent.known(1, map(str, range(1_000)))) <= 201
