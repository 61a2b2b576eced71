from __future__ import annotations

from tests.api.fixtures.talking import app as app
from tests.api.fixtures.talking import gateway as gateway
from tests.api.fixtures.talking import mira as mira
from tests.api.fixtures.talking import person as person
from tests.api.fixtures.talking import stranger as stranger
from tests.api.fixtures.talking import talking_settings as talking_settings
