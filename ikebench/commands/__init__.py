"""What each command of the command line does: its options, its words to a person, its exit code. One file each."""
