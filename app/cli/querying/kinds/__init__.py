"""The subcommands of `pug query`, one module for each kind of insight."""
