"""Sums of floating-point numbers that do not depend on the order in which the rows come."""


def in_order(aggregate: str, values: str, chosen: str = "true") -> str:
    """SQL of an aggregate (``avg``, ``var_samp`` …) over ``values`` of the ``chosen`` rows, taken in the values' own order.

    DuckDB adds numbers as they come, which differs with its threads and with how the files lie: the same rows would have other
    statistics in their last digits, and so another data version.
    """
    return f"list_{aggregate}(list_sort(list({values}) FILTER ({chosen})))"


__all__ = ["in_order"]
