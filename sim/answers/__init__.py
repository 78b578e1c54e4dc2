"""Statistics behind the answers of a study: arrays in, arrays out, no simulation.

What knowing more is worth, what a result hangs on, when a plan fails, and what each of several
parts contributes to the whole.
"""
