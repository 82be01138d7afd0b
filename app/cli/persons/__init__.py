"""`pug persons`: what is held about somebody, for whoever asks for it."""
