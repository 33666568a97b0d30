"""Every number of the house, a pure function of arrays: rows are points, float64 inside, MeasureError where undefined.

Conventions of all modules: X is [n, d]; a row that is not finite is refused; zero rows have no direction, so means over
cosines leave them out, and row-by-row functions give them cosine 0 with everything but a bit-identical row.
"""
