"""From files to files, through the code of the live loop."""
