from __future__ import annotations

from tests.api.fixtures.tooling import shop as shop
from tests.api.fixtures.tooling import shop_settings as shop_settings
