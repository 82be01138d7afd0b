"""`pug queries`: what queries take."""
