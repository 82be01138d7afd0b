"""`pug query` and `pug schema`: questions, and answers a person can read."""
