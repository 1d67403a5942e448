"""Data sources, one file each: `Config`, `fingerprint(config, root) -> Source`, `read(config, root) -> pa.Table`.

A table that is bigger than memory once decoded should come from `assay.data._columns.encode(batches)`; any other is
encoded after it was read.
"""
