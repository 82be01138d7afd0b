"""`pug dead`: what could never be stored, to look at, to send again or to drop."""
