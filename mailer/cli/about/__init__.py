"""Commands about the program itself: `help`, `completion`; and the text of `--version`."""
