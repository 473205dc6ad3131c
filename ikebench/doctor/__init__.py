"""What `ikebench doctor` finds out: software, machine, weights and data sets, without torch where that can be."""
