"""The subcommands of `integrity`, one file each."""
