"""`pug doctor`: what is wrong, and the fix."""
