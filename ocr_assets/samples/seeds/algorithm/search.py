"""Searching in what is sorted."""

from bisect import bisect_left


def first_at_least(values, wanted):
    """Place of the first value that is not smaller than ``wanted``, in a sorted list; its length if there is none."""
    low, high = 0, len(values)
    while low < high:
        middle = (low + high) // 2
        if values[middle] < wanted:
            low = middle + 1
        else:
            high = middle
    return low


def count_between(values, low, high):
    """How many of the sorted values lie in low <= value < high."""
    return bisect_left(values, high) - bisect_left(values, low)
