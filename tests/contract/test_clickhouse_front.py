"""The front itself: it must not lose what a server would have stored."""

import clickhouse_connect


def test_every_compressed_frame_of_an_insert_is_stored(front_url: str) -> None:
    client = clickhouse_connect.get_client(dsn=front_url, compress="lz4")
    client.command("CREATE TABLE frames (number UInt32) ENGINE = MergeTree ORDER BY number")

    client.insert("frames", [list(range(300_000))], column_names=["number"], column_oriented=True)

    assert client.query("SELECT count(), uniqExact(number) FROM frames").result_rows == [(300_000, 300_000)]
    client.command("DROP TABLE frames")
