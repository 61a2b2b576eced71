"""Settings: one typed tree, filled in the order defaults -> profile YAML -> environment (``HEARTH_*``) -> flag.

``HEARTH_HTTP__PORT=9000`` sets ``http.port``. An unknown name is refused, and the message names the nearest valid one. Importing this
package reads nothing; :func:`load_settings` is called once, in ``main``, and the result is passed down.
"""

from __future__ import annotations

from cluster.settings.active_learning import ActiveLearningSettings
from cluster.settings.adapters import AdapterSettings
from cluster.settings.analytics import AnalyticsSettings
from cluster.settings.datasets import DatasetSettings
from cluster.settings.feedback import FeedbackSettings
from cluster.settings.gate import GateSettings
from cluster.settings.graphs import GraphSettings, ToolSettings
from cluster.settings.jobs import BatchSettings, FileSettings, JobSettings
from cluster.settings.knowledge import IngestSettings, KnowledgeSettings, SemanticSettings, VectorSettings
from cluster.settings.loading import PREFIX, load_settings
from cluster.settings.outside import ConnectorSettings, ContentSettings, OutgoingSettings
from cluster.settings.people import AuthSettings, ConversationSettings, OidcIssuer, QuotaSettings, SubjectQuota
from cluster.settings.queues import QueueSettings, WebhookSettings
from cluster.settings.releases import ReleaseSettings
from cluster.settings.serving import HttpSettings, LimitSettings, LogSettings, RaySettings, ResidencySettings, TracingSettings
from cluster.settings.stores import BackupSettings, StorageSettings
from cluster.settings.tree import Settings
from cluster.settings.tuning import TuningSettings

__all__ = [
    "PREFIX",
    "ActiveLearningSettings",
    "AdapterSettings",
    "AnalyticsSettings",
    "AuthSettings",
    "BackupSettings",
    "BatchSettings",
    "ConnectorSettings",
    "ContentSettings",
    "ConversationSettings",
    "DatasetSettings",
    "FeedbackSettings",
    "FileSettings",
    "GateSettings",
    "GraphSettings",
    "HttpSettings",
    "IngestSettings",
    "JobSettings",
    "KnowledgeSettings",
    "LimitSettings",
    "LogSettings",
    "OidcIssuer",
    "OutgoingSettings",
    "QueueSettings",
    "QuotaSettings",
    "RaySettings",
    "ReleaseSettings",
    "ResidencySettings",
    "SemanticSettings",
    "Settings",
    "StorageSettings",
    "SubjectQuota",
    "ToolSettings",
    "TracingSettings",
    "TuningSettings",
    "VectorSettings",
    "WebhookSettings",
    "load_settings",
]
