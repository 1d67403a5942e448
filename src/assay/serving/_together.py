"""Requests that are there at the same moment, answered by one pass through the network.

A pass costs much the same for one row as for thirty, and under load the rows of many clients wait side by side. Nobody
waits for company: what has been read when the event loop comes round is answered then, so a lone request costs one turn
of the loop more, and no time is set that would be too long for one server and too short for another.
"""

from __future__ import annotations

import asyncio
from itertools import islice

from assay.serving._live import MANY, Answer, Live, Row

Asked = tuple[list[Row], asyncio.Future[list[Answer]]]


class Together:
    """Gathers the small requests of one turn of the event loop."""

    def __init__(self) -> None:
        self._waiting: dict[Live, list[Asked]] = {}

    async def answers(self, live: Live, rows: list[Row]) -> list[Answer]:
        """One answer a row, by `live`."""
        loop = asyncio.get_running_loop()
        answered: asyncio.Future[list[Answer]] = loop.create_future()
        if not self._waiting:
            loop.call_soon(self._answer)
        self._waiting.setdefault(live, []).append((rows, answered))
        return await answered

    def _answer(self) -> None:
        waiting, self._waiting = self._waiting, {}
        for live, asked in waiting.items():
            while asked:
                n_rows, n_asked = 0, 0
                while n_asked < len(asked) and (n_asked == 0 or n_rows + len(asked[n_asked][0]) <= MANY):
                    n_rows, n_asked = n_rows + len(asked[n_asked][0]), n_asked + 1
                _pass(live, asked[:n_asked])
                del asked[:n_asked]


def _pass(live: Live, asked: list[Asked]) -> None:
    try:
        found = iter(live.answers([row for rows, _ in asked for row in rows]))
    except Exception as error:
        if len(asked) > 1:  # one request's trouble is not the others'
            for each in asked:
                _pass(live, [each])
        elif not asked[0][1].done():
            asked[0][1].set_exception(error)
        return
    for rows, answered in asked:
        mine = list(islice(found, len(rows)))
        if not answered.done():  # its client may be gone
            answered.set_result(mine)
