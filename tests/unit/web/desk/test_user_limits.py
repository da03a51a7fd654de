import asyncio

import pytest
from starlette.exceptions import HTTPException

from mailer.web.desk.user_limits import STREAMS, UserLimits
from mailer.web.sse import ServerSentEvent


async def events():
    while True:
        yield ServerSentEvent(data="x")


def test_a_user_has_a_limited_number_of_streams_open():
    async def run():
        limits = UserLimits()
        streams = [limits.counted(1, events()) for _ in range(STREAMS)]
        for each in streams:
            await anext(each)
        with pytest.raises(HTTPException) as refused:
            limits.counted(1, events())
        assert refused.value.status_code == 429
        await anext(limits.counted(2, events()))
        await streams[0].aclose()
        assert (await anext(limits.counted(1, events()))).data == "x"

    asyncio.run(run())
