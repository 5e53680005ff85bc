"""What each runtime adds to an exported model: its file format, and its answers as a judge of parity. One file a runtime."""
