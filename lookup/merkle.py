"""Merkle trees as in RFC 9162, 2.1: how a log grows, and the proofs that can be made of it.

A full subtree is named by its level (2 to the power of it is how many leaves it has) and its place
among those of its level; a leaf is one of level 0. The peaks of a tree are the roots of the full
subtrees that it is made of, the largest first.
"""

import hashlib
from collections.abc import Callable

Subtree = Callable[[int, int], bytes]  # level, place → hash
Hashes = list[bytes]


def leaf_hash(entry: bytes) -> bytes:
    """The hash of an entry."""
    return hashlib.sha256(b"\x00" + entry).digest()


def node(left: bytes, right: bytes) -> bytes:
    """The hash of an inner node."""
    return hashlib.sha256(b"\x01" + left + right).digest()


def read_hash(written: str) -> bytes:
    """A hash from hexadecimal; none from what somebody wrote over it."""
    try:
        return bytes.fromhex(written)
    except (TypeError, ValueError):
        return b""


def grown(peaks: Hashes, size: int, leaf: bytes) -> tuple[Hashes, Hashes]:
    """The peaks after one more leaf, ``size`` being the number of leaves before it; and by their
    levels the full subtrees that end with it, the leaf itself first."""
    rest, ended = list(peaks), [leaf]
    while size & 1:
        # A log with entries missing has too few peaks; its faults are told by position.
        ended.append(node(rest.pop(), ended[-1]) if rest else ended[-1])
        size >>= 1
    return [*rest, ended[-1]], ended


def root_of(peaks: Hashes) -> bytes:
    """The root of the tree with these peaks."""
    if not peaks:
        return hashlib.sha256(b"").digest()
    root = peaks[-1]
    for peak in reversed(peaks[:-1]):
        root = node(peak, root)
    return root


def audit_path(subtree: Subtree, position: int, first: int, end: int) -> Hashes:
    """What leads from a leaf to the root of the leaves ``first`` to before ``end`` (2.1.3.1)."""
    if end - first == 1:
        return []
    split = _split(first, end)
    if position < split:
        return [*audit_path(subtree, position, first, split), _tree_hash(subtree, split, end)]
    return [*audit_path(subtree, position, split, end), _tree_hash(subtree, first, split)]


def consistency_path(subtree: Subtree, former: int, size: int) -> Hashes:
    """What proves that a tree of ``size`` leaves begins with the one of the ``former`` ones, of
    which there must be at least one (2.1.4.1)."""
    return _subproof(subtree, former, 0, size)


def _subproof(subtree: Subtree, former: int, first: int, end: int) -> Hashes:
    if former == end:
        # The former tree as a whole is known to whoever asks.
        return [_tree_hash(subtree, first, end)] if first else []
    split = _split(first, end)
    if former <= split:
        return [*_subproof(subtree, former, first, split), _tree_hash(subtree, split, end)]
    return [*_subproof(subtree, former, split, end), _tree_hash(subtree, first, split)]


def _tree_hash(subtree: Subtree, first: int, end: int) -> bytes:
    level = (end - first).bit_length() - 1
    if end - first == 1 << level:
        return subtree(level, first >> level)
    split = _split(first, end)
    return node(_tree_hash(subtree, first, split), _tree_hash(subtree, split, end))


def _split(first: int, end: int) -> int:
    """Where a tree is parted: after the largest power of two that leaves something to the right."""
    return first + (1 << (end - first - 1).bit_length() - 1)
