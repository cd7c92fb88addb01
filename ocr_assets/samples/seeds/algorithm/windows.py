"""Windows that slide along a list."""

from collections import deque


def window_maxima(values, width):
    """The maximum of each window of ``width`` neighbours, in linear time: the queue holds places of falling values."""
    queue, maxima = deque(), []
    for place, value in enumerate(values):
        while queue and values[queue[-1]] <= value:
            queue.pop()
        queue.append(place)
        if queue[0] <= place - width:
            queue.popleft()
        if place >= width - 1:
            maxima.append(values[queue[0]])
    return maxima


def show(values):
    """Print what there is."""
    print(values)
