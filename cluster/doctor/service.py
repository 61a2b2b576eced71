"""Ports, what an earlier run left behind, the hub, and the profile's weights."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from cluster.doctor.finding import Finding, ok, problem, warning
from cluster.errors import Conflict
from cluster.hardware import Device
from cluster.home import Home
from cluster.hub import Hub
from cluster.inventory import choose_variant, need_known
from cluster.runtime.ports import holder, is_free
from cluster.runtime.processes import ours
from cluster.runtime.state import running
from cluster.settings import Settings
from cluster.specs.catalog import Catalog
from cluster.specs.profile import ProfileSpec
from cluster.weights import WeightsState, inspect


def check_ports(home: Home, settings: Settings) -> Iterator[Finding]:
    """The API's port must be free (or ours); the dashboard moves on to the next free one by itself."""
    host, port, dashboard = settings.http.host, settings.http.port, settings.ray.dashboard_port
    if running(home) is not None:
        yield ok("ports", "a cluster of this HEARTH_HOME is running; see `hearth status`")
        return
    if is_free(port, host):
        yield ok(f"port {port}", "free (HTTP API)")
    else:
        yield problem(f"port {port}", f"taken by {holder(port) or 'another program'}", "End it, or choose another: `hearth up --port N`.")
    if is_free(dashboard):
        yield ok(f"port {dashboard}", "free (dashboard)")
    else:
        yield warning(
            f"port {dashboard}", f"taken by {holder(dashboard) or 'another program'}", "The dashboard will take the next free port."
        )


def check_leftovers(home: Home) -> Finding:
    """Processes and files of a run that did not end properly."""
    state = running(home)
    if state is not None:
        return ok("earlier run", f"none; the running cluster's head is pid {state.pid}")
    left = ours(home)
    if left:
        named = ", ".join(f"{process.pid}" for process in left[:8])
        return warning(
            "earlier run", f"{len(left)} processes are left (pid {named})", "`hearth down` ends them, and so does the next `hearth up`."
        )
    if home.scratch.exists():
        return warning(
            "earlier run", f"its files are left in {home.scratch}", "`hearth down` removes them, and so does the next `hearth up`."
        )
    return ok("earlier run", "nothing is left of one")


def check_weights(profile: ProfileSpec, catalog: Catalog, devices: Sequence[Device], home: Home) -> Iterator[Finding]:
    """One finding for each model of the profile."""
    for served, model in need_known(profile, catalog):
        check = f"model {model.id}"
        try:
            found = inspect(model, choose_variant(model, devices, served), home)
        except Conflict as error:
            yield warning(check, error.message, "It is not served on this machine.")
            continue
        if found.state is WeightsState.HERE:
            yield ok(check, f"weights {found.reason}" + (" (nano: a demonstration model)" if model.nano else ""))
        elif found.state is WeightsState.BROKEN:
            yield problem(check, f"weights are damaged: {found.reason}", f"Run `hearth models pull {model.id}`.")
        else:
            yield warning(check, found.reason, "It is not served until then.")


def check_hub(hub: Hub, settings: Settings, *, weights_missing: bool) -> Finding:
    """Reachability matters only for weights that are still to be pulled."""
    if settings.offline:
        return ok("hub", "not asked: settings say offline")
    failure = hub.reachable()
    if failure is None:
        return ok("hub", f"{hub.address} answers")
    if weights_missing:
        return warning("hub", failure, "Bring weights with `hearth models pull MODEL --from PATH`, or set HF_ENDPOINT to a mirror.")
    return ok("hub", f"{failure}; nothing of this profile needs it")
