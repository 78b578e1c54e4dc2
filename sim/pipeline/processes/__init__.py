"""The control processes, one file each: what happens between the weeks of the stations."""
