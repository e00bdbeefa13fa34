"""The subcommands of `lipcast`: from files to files, through the same code as the live server."""
