"""Words of messages that depend on a number."""


def counted(count: int, one: str, many: str = "") -> str:
    """A number with what it counts: `1 month`, `1,200 months`; `many` is for what takes more than an s."""
    return f"{count:,} {one if count == 1 else many or f'{one}s'}"
