"""Bulletins as they and the record are once they are published, without all that goes before."""

import json
from collections.abc import Mapping, Sequence

from lookup.bureau import Bureau
from lookup.definitions import defined
from lookup.editions import PUBLISHED, digests
from lookup.facts import FIGURES
from lookup.periods import read_period
from lookup.trail import change
from tests.public_cases import CLERK

Counts = Mapping[str, int]


def publish_row(
    bureau: Bureau, period: str, units: Sequence[tuple[str, Counts]], edition: int = 1
) -> None:
    """An edition of a quarter, of units by name with what was counted of each; the rest is 0."""
    told = [
        {"unit": f"51010{n}", "name": name, "counts": _whole(counts), "withheld": {"privacy": 3}}
        for n, (name, counts) in enumerate(units)
    ]
    total = {name: sum(one.get(name, 0) for _, one in units) for name in FIGURES}
    days, said = read_period(period), defined(bureau.oversight.definition, 10)
    data = {
        "unit": "5101000000",
        "unit_name": bureau.config.bureau_name,
        "period": {"code": period, "first": f"{days.first}", "last": f"{days.last}"},
        "cutoff": "2026-10-08T01:00:00.000Z",
        "definition": "daylight-1",
        "definition_text": {name: text._asdict() for name, text in said.items()},
        "total": {"counts": total, "withheld": {"privacy": 3 * len(units)}},
        "units": told,
    }
    with change(bureau.db, CLERK) as ongoing:
        [row] = ongoing.db.rows(
            """INSERT INTO bulletin (period, edition, state, data, drafted_at, drafted_by,
                published_at)
            VALUES (:period, :edition, 'published', :data, :at, 'test', :at) RETURNING *""",
            period=period,
            edition=edition,
            data=json.dumps(data),
            at=f"2026-10-{9 + edition:02}T01:00:00.000Z",
        )
        ongoing.record(PUBLISHED, **digests(row))


def _whole(counts: Counts) -> Counts:
    return {name: counts.get(name, 0) for name in FIGURES}
