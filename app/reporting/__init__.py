"""How a process of Pug and its engines are: found out, and told to whoever asks."""
