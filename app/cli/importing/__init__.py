"""`pug import`: a file of events, sent through Capture."""
