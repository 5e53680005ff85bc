"""The command line: one file a command. The only room that knows the terminal."""
