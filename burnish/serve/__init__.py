"""The serve room: one gateway in front of the engines that answer."""
