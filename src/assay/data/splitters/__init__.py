"""Splitters, one file each: `Config` and `assign(config, table, target, task, seed)`.

`assign` returns int8 [n_rows]: 0 train, 1 valid, 2 test, 3 audit, -1 unused. What a row of one fold holds must not
decide about rows of the other folds.
"""
