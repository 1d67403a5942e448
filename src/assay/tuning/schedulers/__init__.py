"""Schedulers: one file each, found by its name.

A scheduler is a module with `Config`, `first(config, asking)`, the epochs that the new trial `asking.number` is trained
for at first, and `move(config, asking)`, which is asked whenever a worker is free: what is to become of one of the
paused trials, `Go` or `Stop`, or None when nothing is to be done now. It keeps nothing between two calls. One that
moves weights between trials says `POPULATION = True`. One whose trials are judged by shared weights before they are
trained says `SHARES = True`, and has `supernet(config, spec)`, the spec of the network that has them.
"""
