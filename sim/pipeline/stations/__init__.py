"""The stations of the pipeline, one file each; ``order`` says which follows which."""
