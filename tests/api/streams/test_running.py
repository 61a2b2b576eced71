from __future__ import annotations

import asyncio

from api.streams.running import Streams


async def test_it_starts_and_stops_at_any_moment(app):
    streams: Streams = app.state.streams
    for moment in range(60):
        await streams.stop()
        await streams.start()
        await asyncio.sleep(moment / 2000)
