#!/usr/bin/env python3
"""Check proofs about a bureau's record of changes: nothing but Python 3 is needed, and no network.

    python3 verify_inclusion.py proof.json
    python3 verify_inclusion.py proof.json former-proof.json head.json --head 12345:9f86d0…

The first file is the one that is checked; the others, of any kind and in any order, it is compared
with: the proof of a case as its page gives it out, a head of the record (size and root), or a head
with the proof that it continues a former one. A head printed on paper goes behind --head.
How hashes and proofs are made is told in RFC 9162, 2.1. Exit status: 0 all of it fits, 1 not.

检查变动记录的证明：只需 Python 3，不用联网。第一个文件是要检查的，其余用来对照，种类和先后不限：
案件页面上保存的证明、记录的首部（条数和根）、带有延续证明的首部。印在纸上的首部写在 --head 之后。
"""

import argparse
import hashlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

Told = tuple[bool, str, str]  # whether it fits, and what is said in Chinese and in English


def node(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()


def root_by_path(position: int, size: int, leaf: bytes, path: list[bytes]) -> bytes:
    """The root to which a path leads (RFC 9162, 2.1.3.2); empty where its length is wrong."""
    here, last, found = position, size - 1, leaf
    if not 0 <= here <= last:
        return b""
    for beside in path:
        if last == 0:
            return b""
        if here & 1 or here == last:
            found = node(beside, found)
            while here and not here & 1:
                here, last = here >> 1, last >> 1
        else:
            found = node(found, beside)
        here, last = here >> 1, last >> 1
    return found if last == 0 else b""


def continues(former: int, former_root: bytes, size: int, root: bytes, path: list[bytes]) -> bool:
    """Whether a tree begins with a former one (RFC 9162, 2.1.4.2)."""
    if former == size:
        return former_root == root and not path
    if former & (former - 1) == 0:
        path = [former_root, *path]
    if not 0 < former < size or not path:
        return False
    here, last = former - 1, size - 1
    while here & 1:
        here, last = here >> 1, last >> 1
    was = now = path[0]
    for beside in path[1:]:
        if last == 0:
            return False
        if here & 1 or here == last:
            was, now = node(beside, was), node(beside, now)
            while here and not here & 1:
                here, last = here >> 1, last >> 1
        else:
            now = node(now, beside)
        here, last = here >> 1, last >> 1
    return last == 0 and was == former_root and now == root


def hashes(written: list[str]) -> list[bytes]:
    return [bytes.fromhex(one) for one in written]


def check_entries(proof: dict[str, Any]) -> Iterator[Told]:
    """The entries of a case, against the root in their own file."""
    case, size, root = proof["case"], proof["size"], bytes.fromhex(proof["root"])
    fitting = []
    for one in proof["entries"]:
        place, leaf = one["position"], bytes.fromhex(one["leaf"])
        if root_by_path(place, size, leaf, hashes(one["path"])) == root:
            fitting.append(place)
        else:
            yield False, f"第 {place} 条得不出这个根", f"entry {place} does not lead to the root"
        if "entry" in one:
            yield check_opened(case, one, leaf)
    listed, n = ", ".join(map(str, fitting)), len(fitting)
    zh = f"共 {size} 条的记录里有案件 {case} 的 {n} 条：{listed}"
    en = f"the record of {size} entries has {n} of case {case}: {listed}"
    yield bool(fitting), zh, en


def check_opened(case: str, one: dict[str, Any], leaf: bytes) -> Told:
    """An entry whose words are told: they must be those that were hashed, and about this case."""
    words, nonce = one["entry"], bytes.fromhex(one["nonce"])
    told = json.loads(words)
    fits = hashlib.sha256(b"\x00" + nonce + words.encode()).digest() == leaf
    fits = fits and (told["position"], told["case_number"]) == (one["position"], case)
    what = f"{one['position']} ({told['action']}, {told['at']})"
    if fits:
        return (
            True,
            f"您自己发出的第 {what} 条，内容未改",
            f"your own entry {what} is as you sent it",
        )
    return False, f"您自己发出的第 {what} 条被改过", f"your own entry {what} was altered"


def check_former(proof: dict[str, Any], former: dict[str, Any]) -> Iterator[Told]:
    """What one proof has, a later one of the same case has in the same place."""
    if proof["case"] != former["case"]:
        yield False, "两份证明不是同一案件的", "the two proofs are not of the same case"
        return
    earlier, later = sorted((former, proof), key=lambda told: int(told["size"]))
    found = {one["position"]: one["leaf"] for one in later["entries"]}
    was = {one["position"]: one["leaf"] for one in earlier["entries"]}
    for place in sorted(was.keys() - found.keys()):
        yield False, f"先前的第 {place} 条不见了", f"entry {place} of before is gone"
    for place in sorted(was.keys() & found.keys()):
        if was[place] != found[place]:
            yield False, f"先前的第 {place} 条被换过", f"entry {place} of before was replaced"
    if was.items() <= found.items():
        n = len(was)
        yield True, f"先前的 {n} 条都在原处，未被改动", f"the {n} entries of before are unchanged"


def check_heads(told: list[dict[str, Any]]) -> Iterator[Told]:
    """To one size belongs one root; heads of different sizes are compared by what links them."""
    roots: dict[int, list[bytes]] = {}
    linked, links = {told[0]["size"]}, []
    for one in told:
        size, root = one["size"], bytes.fromhex(one["root"])
        roots.setdefault(size, []).append(root)
        if "since" in one:
            was, was_root = one["since"]["size"], bytes.fromhex(one["since"]["root"])
            roots.setdefault(was, []).append(was_root)
            links.append({was, size})
            fits = continues(was, was_root, size, root, hashes(one["consistency"]))
            zh, en = ("延续了", "continue") if fits else ("没有延续", "do NOT continue")
            yield (
                fits,
                f"{size} 条的记录{zh}先前的 {was} 条",
                f"{size} entries {en} the former {was}",
            )
    if len({root for found in roots.values() for root in found}) < len(roots):
        yield False, "不同的条数有同一个根", "there is one root of different sizes"
    for _ in links:
        linked |= {size for link in links if link & linked for size in link}
    for size, found in roots.items():
        n = len(found)
        if len(set(found)) > 1:
            yield (
                False,
                f"{size} 条的记录有不同的根",
                f"there are different roots of {size} entries",
            )
        elif n > 1:
            yield (
                True,
                f"{size} 条的根，{n} 处相同",
                f"the root of {size} entries is the same {n} times",
            )
        if size not in linked and any(one["size"] == size and "case" not in one for one in told):
            zh = f"{size} 条的首部无从对照：请另存 /case/proof.json?size={size}，或索取延续证明"
            en = f"nothing links the head of {size}: save /case/proof.json?size={size}, or ask for"
            yield False, zh, f"{en} the proof that the record continues it"


def check(told: list[dict[str, Any]]) -> Iterator[Told]:
    """All that can be said of some files, the first of which is compared with the others."""
    yield from check_heads(told)
    proofs = [one for one in told if "case" in one]
    for proof in proofs:
        yield from check_entries(proof)
    for former in proofs[1:]:
        yield from check_former(proofs[0], former)


def read(path: str) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(Path(path).read_text(encoding="utf-8"))
    head: dict[str, Any] = told.get("head", told)  # of what the bureau publishes, the head alone
    return head


def read_head(written: str) -> dict[str, Any]:
    size, _, root = written.partition(":")
    return {"size": int(size), "root": root}


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("files", nargs="+", metavar="FILE")
    parser.add_argument("--head", action="append", default=[], metavar="SIZE:ROOT")
    asked = parser.parse_args()
    try:
        told = [*map(read, asked.files), *map(read_head, asked.head)]
        found = list(check(told))
    except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        found = [(False, "文件读不出，或不是证明", f"no proof can be read from these: {error!r}")]
    fits = all(fits for fits, _, _ in found)
    found.append(
        (fits, "全部相符", "all of it fits") if fits else (fits, "不相符", "it does not fit")
    )
    for fits_, zh, en in found:
        print(f"{'    ' if fits_ else '!!! '}{zh}。\n    {en}.")
    return 0 if fits else 1


if __name__ == "__main__":
    sys.exit(main())
