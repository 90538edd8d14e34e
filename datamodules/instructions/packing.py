"""Conversations packed into rows of a fixed number of tokens."""

import heapq

import numpy as np


def pack(sizes: np.ndarray, room: int) -> list[list[int]]:
    """Pack conversations by their sizes, (N,), into rows of ``room`` tokens; gives their numbers.

    Best fit, the longest first: each goes where it leaves the least room; of several such rows, to
    the first. No size may be larger than the room.
    """
    packs: list[list[int]] = []
    # The rows by the number of tokens left in them, and a bit for each such number that is in use:
    # the least that is large enough is the lowest bit that is set from there on.
    rows_by_room: list[list[int]] = [[] for _ in range(room + 1)]
    used = 0
    for number in np.argsort(-sizes, kind="stable").tolist():
        size = int(sizes[number])
        if fitting := used >> size:
            left = size + (fitting & -fitting).bit_length() - 1
            row = heapq.heappop(rows_by_room[left])
            if not rows_by_room[left]:
                used ^= 1 << left
        else:
            left, row = room, len(packs)
            packs.append([])
        packs[row].append(number)
        heapq.heappush(rows_by_room[left - size], row)
        used |= 1 << (left - size)
    return packs
