"""`pug erasure`: removes all that is held about somebody, and proves it."""
