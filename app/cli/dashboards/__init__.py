"""`pug dashboards`: boards, carried to and from files, and looked at in a terminal."""
