"""Graphs of agents, and the tools they call."""

from __future__ import annotations

from pydantic import ByteSize, Field

from cluster.settings.group import Group


class GraphSettings(Group):
    """Runs of graphs. What a graph's own ``limits`` say can only be less."""

    replicas: int = Field(1, ge=1, le=64, description="Processes that carry runs on.")
    concurrent: int = Field(32, ge=1, le=10_000, description="Runs that one process carries on at once.")
    concurrent_per_organisation: int = Field(
        3, ge=1, le=10_000, description="Runs of one organisation that are under way at once; others wait."
    )
    queued_per_organisation: int = Field(1000, ge=1, description="Runs of one organisation that have not ended, people's answers included.")
    look_s: float = Field(1.0, gt=0, le=600, description="Seconds between two looks for queued runs and those whose process is gone.")
    max_attempts: int = Field(5, ge=1, le=1000, description="Processes that a run may lose without a step done in between.")
    steps: int = Field(1000, ge=1, description="Nodes that one run may run, repetitions included.")
    tokens: int = Field(2_000_000, ge=1, description="Tokens that one run may spend, prompts included.")
    seconds: float = Field(24 * 3600.0, gt=0, description="Seconds of work of one run; waiting for people or a time does not count.")
    money: float = Field(10.0, gt=0, description="What the providers' answers of one run may cost, in the currency of configs/prices.yaml.")
    node_timeout_s: float = Field(600.0, gt=0, description="Seconds one attempt at a node has, unless the node says otherwise.")
    depth: int = Field(4, ge=1, le=16, description="Graphs that may run within each other.")
    spec_bytes: ByteSize = Field(ByteSize(2**20), ge=1024, description="Largest graph, in bytes of JSON.")
    input_bytes: ByteSize = Field(ByteSize(8 * 2**20), ge=1024, description="Largest input of a run, in bytes of JSON.")
    value_bytes: ByteSize = Field(ByteSize(4 * 2**20), ge=1024, description="Largest result of one node, in bytes of JSON.")
    state_bytes: ByteSize = Field(ByteSize(16 * 2**20), ge=1024, description="Largest state of a run, in bytes of JSON.")
    expression_s: float = Field(2.0, gt=0, le=60, description="Seconds one expression may take.")
    event_chars: int = Field(2000, ge=80, description="Longest text in an event or a summary of a step, in characters.")
    keepalive_s: float = Field(15.0, gt=0, le=300, description="Seconds of silence after which a stream of events sends a sign of life.")
    checkpoints: int = Field(200, ge=2, description="Checkpoints kept of each run, the latest.")
    checkpoint_days: int = Field(30, ge=1, le=36500, description="Days checkpoints stay after their run has ended.")
    kept_days: int = Field(90, ge=1, le=36500, description="Days a run stays after it ended.")
    guard_chars: int = Field(2_000_000, ge=1000, description="Longest value that a guard reads, in characters.")
    guard_depth: int = Field(64, ge=1, le=500, description="Lists and objects within each other that a guard reads.")
    policy_chars: int = Field(20_000, ge=100, description="Longest value that a model is shown to decide about policy, in characters.")
    definitions_per_organisation: int = Field(1000, ge=1, description="Graphs that one organisation keeps.")
    threads_per_organisation: int = Field(
        10_000, ge=1, description="Threads of LangGraph clients that one organisation keeps; those unused for kept_days are removed."
    )
    thread_runs: int = Field(200, ge=1, description="Runs that one thread of a LangGraph client keeps.")


class ToolSettings(Group):
    """Tools of ours, and of MCP servers."""

    timeout_s: float = Field(120.0, gt=0, description="Seconds one call has.")
    result_bytes: ByteSize = Field(ByteSize(2**20), ge=1024, description="Longest result of a call, in bytes; the rest is cut off.")
    argument_bytes: ByteSize = Field(ByteSize(2**20), ge=1024, description="Largest arguments of a call, in bytes of JSON.")
    file_bytes: ByteSize = Field(ByteSize(16 * 2**20), ge=1024, description="Largest file of a workspace, in bytes.")
    workspace_bytes: ByteSize = Field(ByteSize(256 * 2**20), ge=1024, description="All files of one workspace, in bytes.")
    workspace_files: int = Field(5000, ge=1, description="Files and folders of one workspace.")
    workspace_days: int = Field(30, ge=1, le=36500, description="Days a workspace stays after it was last written to.")
    servers_per_organisation: int = Field(20, ge=1, description="MCP servers of one organisation.")
    commands: list[str] = Field(
        default_factory=list, description="Programs that MCP servers may be, as absolute paths; admins choose their arguments."
    )
    listed: int = Field(500, ge=1, le=100_000, description="Tools of one MCP server that are taken; others are left out.")
    message_bytes: ByteSize = Field(ByteSize(16 * 2**20), ge=1024, description="Largest message of an MCP server, in bytes.")
    connect_s: float = Field(20.0, gt=0, description="Seconds an MCP server has to answer when it is connected to.")
    idle_s: float = Field(300.0, gt=0, description="Seconds an MCP connection stays open without a call.")
    login_s: float = Field(600.0, gt=0, le=3600, description="Seconds a person has to sign in at an MCP server that wants OAuth.")
    logins: int = Field(20, ge=1, le=1000, description="People who sign in at MCP servers at once, in each process.")
    history_bytes: ByteSize = Field(
        ByteSize(64 * 2**10), ge=1024, description="Longest arguments, and result, kept in the history of calls, in bytes of JSON."
    )
    sweep_s: float = Field(600.0, gt=0, description="Seconds between two looks for workspaces and calls that are past their time.")
    calls_days: int = Field(90, ge=1, le=36500, description="Days a call stays in the history.")
    page: int = Field(100, ge=1, le=1000, description="Tools, resources or prompts in one answer of /mcp; the rest is on further pages.")
    request_bytes: ByteSize = Field(ByteSize(4 * 2**20), ge=1024, description="Largest message to /mcp, in bytes.")
    sessions_per_user: int = Field(20, ge=1, le=10_000, description="MCP sessions that one person has; one more ends the oldest.")
    session_idle_s: float = Field(3600.0, ge=1, description="Seconds without a message after which an MCP session ends.")
    subscriptions: int = Field(50, ge=1, le=10_000, description="Resources that one MCP session watches.")
    watch_s: float = Field(5.0, gt=0, le=300, description="Seconds between two looks whether a resource that is watched has changed.")
    progress_s: float = Field(5.0, gt=0, le=300, description="Seconds between two signs of life of a tool that an MCP client called.")
    rounds: int = Field(12, ge=1, le=1000, description="Times a model may call tools before it has to answer.")
    calls: int = Field(32, ge=1, le=1000, description="Tools a model may call in one round; of more, the rest is not carried out.")
    approval_s: float = Field(300.0, gt=0, description="Seconds a person has to approve of a dangerous tool; after that it is not called.")
    shown_chars: int = Field(20_000, ge=200, description="Longest text of a tool's result that a model is given, in characters.")
