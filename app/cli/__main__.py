"""`python -m app.cli` is `pug`."""

from app.cli import main

main()
