import pytest

from core.words import counted


@pytest.mark.parametrize(("count", "told"), [(0, "0 queries"), (1, "1 query"), (2, "2 queries"), (1_200, "1,200 queries")])
def test_a_number_stands_with_the_word_that_goes_with_it(count: int, told: str) -> None:
    assert counted(count, "query", "queries") == told
    assert counted(count, "month") == told.replace("queries", "months").replace("query", "month")
