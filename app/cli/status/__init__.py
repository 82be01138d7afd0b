"""`pug status`: whether everything runs, and keeps up."""
