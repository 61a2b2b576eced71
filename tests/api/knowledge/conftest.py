from __future__ import annotations

from tests.api.fixtures.house import app as app
from tests.api.fixtures.house import house as house
