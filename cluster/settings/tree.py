"""All settings as one tree."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import Field

from cluster.settings.active_learning import ActiveLearningSettings
from cluster.settings.adapters import AdapterSettings
from cluster.settings.analytics import AnalyticsSettings
from cluster.settings.datasets import DatasetSettings
from cluster.settings.feedback import FeedbackSettings
from cluster.settings.gate import GateSettings
from cluster.settings.graphs import GraphSettings, ToolSettings
from cluster.settings.group import Group
from cluster.settings.jobs import BatchSettings, FileSettings, JobSettings
from cluster.settings.knowledge import IngestSettings, KnowledgeSettings, SemanticSettings, VectorSettings
from cluster.settings.optimising import OptimisingSettings
from cluster.settings.outside import ConnectorSettings, ContentSettings, OutgoingSettings
from cluster.settings.people import AuthSettings, ConversationSettings, QuotaSettings
from cluster.settings.queues import QueueSettings, WebhookSettings
from cluster.settings.releases import ReleaseSettings
from cluster.settings.serving import HttpSettings, LimitSettings, LogSettings, RaySettings, ResidencySettings, TracingSettings
from cluster.settings.stores import BackupSettings, StorageSettings
from cluster.settings.tuning import TuningSettings


class Settings(Group):
    """Everything that can be set. ``home`` holds all state (models, run files, logs)."""

    home: Annotated[Path, Field(description="Folder of all state.")] = Path("~/.hearth")
    profile: str = Field("laptop", description="Name of a profile in configs/profiles, or the path of a YAML file.")
    offline: bool = Field(
        False,
        description="Never reach for the network (hub, web), but for outgoing.allowed; what is not here is refused with a reason.",
    )
    http: HttpSettings = HttpSettings()
    limits: LimitSettings = LimitSettings()
    residency: ResidencySettings = ResidencySettings()
    ray: RaySettings = RaySettings()
    storage: StorageSettings = StorageSettings()
    backup: BackupSettings = BackupSettings()
    conversations: ConversationSettings = ConversationSettings()
    jobs: JobSettings = JobSettings()
    vectors: VectorSettings = VectorSettings()
    ingest: IngestSettings = IngestSettings()
    semantic: SemanticSettings = SemanticSettings()
    knowledge: KnowledgeSettings = KnowledgeSettings()
    files: FileSettings = FileSettings()
    batches: BatchSettings = BatchSettings()
    datasets: DatasetSettings = DatasetSettings()
    adapters: AdapterSettings = AdapterSettings()
    tuning: TuningSettings = TuningSettings()
    graphs: GraphSettings = GraphSettings()
    tools: ToolSettings = ToolSettings()
    feedback: FeedbackSettings = FeedbackSettings()
    active_learning: ActiveLearningSettings = ActiveLearningSettings()
    gate: GateSettings = GateSettings()
    analytics: AnalyticsSettings = AnalyticsSettings()
    releases: ReleaseSettings = ReleaseSettings()
    optimising: OptimisingSettings = OptimisingSettings()
    queue: QueueSettings = QueueSettings()
    webhooks: WebhookSettings = WebhookSettings()
    outgoing: OutgoingSettings = OutgoingSettings()
    connectors: ConnectorSettings = ConnectorSettings()
    content: ContentSettings = ContentSettings()
    auth: AuthSettings = AuthSettings()
    quotas: QuotaSettings = QuotaSettings()
    log: LogSettings = LogSettings()
    tracing: TracingSettings = TracingSettings()
