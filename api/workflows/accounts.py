"""Puts what runs of graphs use on the accounts of their owners, where limits and bills see it.

A chat with a graph is booked with its answer; every other run is carried on where there is no request, so its steps are looked for. They
are marked as booked before they are: a process that dies in between has counted too little, never twice.
"""

from __future__ import annotations

from fastapi import FastAPI

from api.usage.ledger import UsageLedger
from api.web.deps import Parts
from api.web.principal import Principal, Role
from cluster.graphs.spending import Booking, book
from cluster.graphs.states import CHAT
from cluster.specs.prices import Consumption
from cluster.stores.sql import Database
from cluster.upkeep import Upkeep

MOST = 500


class RunAccounts:
    def __init__(self, database: Database, ledger: UsageLedger, every_s: float) -> None:
        self._database = database
        self._ledger = ledger
        self._upkeep = Upkeep("booking what runs of graphs used", every_s, self.turn)

    async def start(self) -> None:
        self._upkeep.start()

    async def stop(self) -> None:
        await self._upkeep.stop()

    async def turn(self) -> int:
        """Books everything that is not booked; how many steps there were."""
        booked = 0
        while True:
            async with self._database.session() as session:
                found = await book(session, MOST)
            for each in found:
                self._note(each)
            booked += len(found)
            if len(found) < MOST:
                return booked

    def _note(self, each: Booking) -> None:
        if each.task_type == CHAT or not each.model:
            return
        # Whose it is counts here, not what they may do.
        whose = Principal(each.owner_id, each.organisation_id, Role.VIEWER)
        self._ledger.note(whose, each.model, Consumption(each.usage.prompt_tokens, each.usage.completion_tokens))


def install_accounts(app: FastAPI) -> RunAccounts:
    """Also on ``app.state.run_accounts``; needs ``app.state.parts`` and ``app.state.usage``. Whoever runs the app calls ``start`` and
    ``stop``."""
    parts = app.state.parts
    assert isinstance(parts, Parts)
    accounts = RunAccounts(parts.stores.database, app.state.usage, parts.settings.quotas.flush_s)
    app.state.run_accounts = accounts
    return accounts
