"""Search algorithms: one file each, found by its name.

An algorithm is a module with `Config` and `suggest(config, asking)`, which gives the values of trial `asking.number` by
path, or None when it wants to see other trials end first. It keeps nothing between two calls: all it may know is in
`asking`. One that runs out of proposals says with `limit(config, space)` after how many.
"""
