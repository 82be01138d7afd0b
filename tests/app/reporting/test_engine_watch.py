"""What is known of the engines, when they answer and when they don't."""

from app.backends import Backends, open_clickhouse
from app.reporting.engine_watch import EngineWatch
from core.postgres import create_engine
from measured import Measured

GAUGES = (
    "pug.clickhouse.disk.free",
    "pug.clickhouse.disk.size",
    "pug.clickhouse.tables",
    "pug.clickhouse.parts",
    "pug.clickhouse.partition.parts",
    "pug.clickhouse.memory",
)


async def test_engines_that_answer_are_up_and_measured(backends: Backends) -> None:
    measured = Measured()
    engines = EngineWatch(backends.nats, backends.postgres, backends.clickhouse, measured.meter)
    before = measured.points()

    await engines.ask()

    found = measured.points()
    assert before == {}
    assert [found["pug.engine.up", (("engine", engine),)] for engine in ("clickhouse", "nats", "postgresql")] == [1, 1, 1]
    assert all(found[name, ()] > 0 for name in GAUGES)
    assert found["pug.clickhouse.disk.free", ()] <= found["pug.clickhouse.disk.size", ()]
    assert found["pug.people.waiting", ()] >= 0
    assert found["pug.people.lag", ()] >= 0


async def test_engines_that_do_not_answer_are_down_and_their_gauges_disappear(backends: Backends) -> None:
    measured = Measured()
    nowhere = backends.postgres.url.set(query={}, host="127.0.0.1", port=9)
    clickhouse = open_clickhouse("http://127.0.0.1:9", connections=1, memory_bytes=2**28)
    postgres = create_engine(nowhere, connections=1)

    await EngineWatch(backends.nats, postgres, clickhouse, measured.meter).ask()
    await clickhouse.close()
    await postgres.dispose()

    assert measured.points() == {
        ("pug.engine.up", (("engine", "nats"),)): 1,
        ("pug.engine.up", (("engine", "postgresql"),)): 0,
        ("pug.engine.up", (("engine", "clickhouse"),)): 0,
    }


async def test_who_does_without_clickhouse_says_nothing_of_it(backends: Backends) -> None:
    measured = Measured()

    await EngineWatch(backends.nats, backends.postgres, None, measured.meter).ask()

    assert not any("clickhouse" in f"{name}{labels}" for name, labels in measured.points())
