from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from filelock import FileLock

from cluster.contracts.models import ModelKind
from cluster.errors import BadInput, Conflict, NotFound, Unavailable, Unprocessable
from cluster.fakes.hub import COMMIT, LocalHub
from cluster.home import Home
from cluster.hub import Hub
from cluster.pull import PARTIAL, import_local, pull, remove
from cluster.specs.catalog import HubSource, ModelSpec, PackageSource, Variant
from cluster.weights import RECORD, Completion, WeightsState, inspect, locate, pulled

WEIGHTS = b"GGUF" + bytes(range(256)) * 4096
FILES = {"weights.gguf": WEIGHTS, "config.json": b"{}", ".gitattributes": b"x"}


def model_of(source: HubSource | PackageSource | None = None, file: str | None = None) -> ModelSpec:
    variant = Variant(engine="llama_cpp", source=source or HubSource(kind="hub", repo="owner/model"), file=file)
    return ModelSpec(id="some-model", kind=ModelKind.LLM, description="d", license="MIT", variants=(variant,))


def client(hub: LocalHub) -> Hub:
    return Hub(endpoint=hub.endpoint, wait_s=0.01, attempts=3)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home")


@pytest.fixture
def local_hub():
    with LocalHub({"owner/model": dict(FILES)}) as hub:
        yield hub


def test_a_pull_brings_every_file_and_vouches_for_it(home, local_hub):
    model, seen = model_of(), []
    root = pull(model, model.variants[0], home, hub=client(local_hub), progress=lambda *step: seen.append(step))
    assert (root / "weights.gguf").read_bytes() == WEIGHTS
    assert not (root / ".gitattributes").exists()
    assert not (root / PARTIAL).exists()
    record = Completion.model_validate_json((root / RECORD).read_bytes())
    assert record.revision == COMMIT
    assert record.files["weights.gguf"].sha256 == hashlib.sha256(WEIGHTS).hexdigest()
    assert locate(model, model.variants[0], home) == root
    assert ("weights.gguf", len(WEIGHTS), len(WEIGHTS)) in seen


def test_a_second_pull_asks_the_hub_nothing(home, local_hub):
    model = model_of()
    pull(model, model.variants[0], home, hub=client(local_hub))
    local_hub.asked.clear()
    pull(model, model.variants[0], home, hub=client(local_hub))
    pull(model, model.variants[0], home, hub=client(local_hub), offline=True)
    assert local_hub.asked == []


def test_only_the_file_of_the_variant_or_the_files_named_are_fetched(home, local_hub):
    by_file = model_of(file="weights.gguf")
    assert not (pull(by_file, by_file.variants[0], home, hub=client(local_hub)) / "config.json").exists()
    by_pattern = model_of(HubSource(kind="hub", repo="owner/model", files=("*.json",)))
    root = pull(by_pattern, by_pattern.variants[0], home, hub=client(local_hub))
    assert {path.name for path in root.iterdir()} == {"config.json", RECORD}


def test_a_broken_transfer_goes_on_where_it_ended(home, local_hub):
    local_hub.break_after += [300_000, 100_000]
    model = model_of(file="weights.gguf")
    root = pull(model, model.variants[0], home, hub=client(local_hub))
    assert (root / "weights.gguf").read_bytes() == WEIGHTS
    assert local_hub.asked == [("weights.gguf", None), ("weights.gguf", "bytes=300000-"), ("weights.gguf", "bytes=400000-")]


def test_a_pull_that_gave_up_is_resumed_by_the_next(home, local_hub):
    local_hub.break_after += [300_000, 0, 0, 0]
    model = model_of(file="weights.gguf")
    with pytest.raises(Unavailable, match="what was fetched is kept"):
        pull(model, model.variants[0], home, hub=client(local_hub))
    assert "interrupted" in inspect(model, model.variants[0], home).reason
    local_hub.asked.clear()
    pull(model, model.variants[0], home, hub=client(local_hub))
    assert local_hub.asked == [("weights.gguf", "bytes=300000-")]


def test_a_server_without_ranges_sends_the_file_again(home, local_hub):
    local_hub.ranges = False
    local_hub.break_after += [300_000]
    model = model_of(file="weights.gguf")
    assert (pull(model, model.variants[0], home, hub=client(local_hub)) / "weights.gguf").read_bytes() == WEIGHTS


def test_errors_that_pass_are_waited_out_and_told(home, local_hub):
    local_hub.failures += [503, 429]
    model = model_of()
    told: list[str] = []
    hub = Hub(endpoint=local_hub.endpoint, wait_s=0.01, notify=told.append)
    assert pull(model, model.variants[0], home, hub=hub).is_dir()
    assert ["trying again" in line for line in told] == [True, True]


def test_other_bytes_than_the_hub_states_are_thrown_away(home, local_hub):
    local_hub.tampered["weights.gguf"] = WEIGHTS[:-1] + b"!"
    model = model_of(file="weights.gguf")
    with pytest.raises(Unprocessable, match="SHA-256"):
        pull(model, model.variants[0], home, hub=client(local_hub))
    assert locate(model, model.variants[0], home) is None
    local_hub.tampered.clear()
    assert pull(model, model.variants[0], home, hub=client(local_hub)).is_dir()


def test_small_files_are_checked_by_the_id_that_git_gave_them(home, local_hub):
    local_hub.lfs = False
    local_hub.tampered["config.json"] = b"[]"
    model = model_of()
    with pytest.raises(Unprocessable, match="git id"):
        pull(model, model.variants[0], home, hub=client(local_hub))
    local_hub.tampered.clear()
    assert pull(model, model.variants[0], home, hub=client(local_hub)).is_dir()


def test_the_checksum_of_the_catalog_wins_over_the_hubs(home, local_hub):
    source = HubSource(kind="hub", repo="owner/model", files=("weights.gguf",), sha256={"weights.gguf": "0" * 64})
    model = model_of(source)
    with pytest.raises(Unprocessable, match="0000"):
        pull(model, model.variants[0], home, hub=client(local_hub))


def test_a_damaged_file_is_fetched_again(home, local_hub):
    model = model_of()
    root = pull(model, model.variants[0], home, hub=client(local_hub))
    (root / "weights.gguf").write_bytes(b"GGUF")
    local_hub.asked.clear()
    pull(model, model.variants[0], home, hub=client(local_hub))
    assert (root / "weights.gguf").read_bytes() == WEIGHTS
    assert [name for name, _ in local_hub.asked] == ["weights.gguf"]


@pytest.mark.parametrize(
    ("source", "said"),
    [
        (HubSource(kind="hub", repo="owner/nothing"), "has no repository 'owner/nothing'"),
        (HubSource(kind="hub", repo="owner/model", revision="v9"), "has no revision 'v9'"),
        (HubSource(kind="hub", repo="owner/model", files=("weight.gguf",)), "did you mean 'weights.gguf'"),
    ],
)
def test_what_the_hub_does_not_have_is_named(home, local_hub, source, said):
    model = model_of(source)
    with pytest.raises(NotFound, match=said):
        pull(model, model.variants[0], home, hub=client(local_hub))


def test_without_a_network_the_error_says_what_to_do(home):
    with LocalHub({}) as gone:
        endpoint = gone.endpoint
    model = model_of()
    with pytest.raises(Unavailable, match="--from PATH"):
        pull(model, model.variants[0], home, hub=Hub(endpoint=endpoint, wait_s=0.01, attempts=2))
    assert "cannot be reached" in str(Hub(endpoint=endpoint).reachable(timeout_s=1))


def test_a_hub_that_answers_is_reachable(local_hub):
    assert client(local_hub).reachable() is None


def test_offline_refuses_and_says_how_to_go_on(home, local_hub):
    model = model_of()
    with pytest.raises(Conflict, match="offline"):
        pull(model, model.variants[0], home, hub=client(local_hub), offline=True)
    assert local_hub.asked == []


def test_a_full_disk_is_noticed_before_the_transfer(home, local_hub):
    local_hub.stated_sizes["weights.gguf"] = 1 << 60
    model = model_of()
    with pytest.raises(Conflict, match="GB are needed"):
        pull(model, model.variants[0], home, hub=client(local_hub))
    assert local_hub.asked == []


def test_two_pulls_at_once_are_refused(home, local_hub):
    home.models.mkdir(parents=True)
    model = model_of()
    with FileLock(home.models / ".some-model.lock"), pytest.raises(Conflict, match="Another process"):
        pull(model, model.variants[0], home, hub=client(local_hub))


def test_weights_that_no_hub_holds_cannot_be_pulled(home):
    model = model_of(PackageSource(kind="package", package="somewhere"))
    with pytest.raises(BadInput, match="nothing to pull"):
        pull(model, model.variants[0], home, hub=Hub())


SCRIPT = """
import sys
from pathlib import Path
from cluster.contracts.models import ModelKind
from cluster.home import Home
from cluster.hub import Hub
from cluster.pull import pull
from cluster.specs.catalog import HubSource, ModelSpec, Variant

variant = Variant(engine="llama_cpp", source=HubSource(kind="hub", repo="owner/model"), file="weights.gguf")
model = ModelSpec(id="some-model", kind=ModelKind.LLM, description="d", license="MIT", variants=(variant,))

def halfway(file, here, total):
    if here > total // 2:
        print("halfway", flush=True)
        sys.stdin.read()

pull(model, variant, Home(Path(sys.argv[1])), hub=Hub(endpoint=sys.argv[2]), progress=halfway)
"""


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_a_pull_that_was_ended_is_resumed_by_the_next(home, local_hub, how):
    local_hub.repos["owner/model"]["weights.gguf"] = content = b"GGUF" + os.urandom(4 << 20)
    command = [sys.executable, "-c", SCRIPT, str(home.root), local_hub.endpoint]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "halfway\n"
        child.send_signal(how)
    model = model_of(file="weights.gguf")
    assert inspect(model, model.variants[0], home).state is WeightsState.MISSING
    local_hub.asked.clear()
    root = pull(model, model.variants[0], home, hub=client(local_hub))
    assert (root / "weights.gguf").read_bytes() == content
    ((_, asked),) = local_hub.asked
    assert asked is not None
    assert int(asked.removeprefix("bytes=").rstrip("-")) > len(content) // 4


@pytest.mark.parametrize("link", [False, True])
def test_weights_are_brought_from_a_folder(home, tmp_path, link):
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "weights.gguf").write_bytes(WEIGHTS)
    (folder / "README.md").write_text("mine")
    model = model_of(file="weights.gguf")
    root = import_local(model, model.variants[0], home, folder, link=link)
    assert locate(model, model.variants[0], home) == root
    assert (root / "weights.gguf").is_symlink() is link
    assert (root / "weights.gguf").read_bytes() == WEIGHTS
    assert not (root / "README.md").exists()
    assert (folder / "weights.gguf").exists()


def test_a_single_file_stands_for_the_variants_file(home, tmp_path):
    (tmp_path / "renamed.gguf").write_bytes(WEIGHTS)
    model = model_of(file="weights.gguf")
    root = import_local(model, model.variants[0], home, tmp_path / "renamed.gguf")
    assert (root / "weights.gguf").read_bytes() == WEIGHTS


def test_a_linked_file_that_went_away_is_noticed(home, tmp_path):
    (tmp_path / "weights.gguf").write_bytes(WEIGHTS)
    model = model_of(file="weights.gguf")
    import_local(model, model.variants[0], home, tmp_path / "weights.gguf", link=True)
    (tmp_path / "weights.gguf").unlink()
    assert inspect(model, model.variants[0], home).state is WeightsState.BROKEN


@pytest.mark.parametrize(
    ("content", "said"),
    [(b"", "is empty"), (b"version https://git-lfs.github.com/spec/v1\n", "Git LFS pointer"), (b"PK\x03\x04", "not a GGUF file")],
)
def test_files_that_are_plainly_no_weights_are_refused(home, tmp_path, content, said):
    (tmp_path / "weights.gguf").write_bytes(content)
    model = model_of(file="weights.gguf")
    with pytest.raises(Unprocessable, match=said):
        import_local(model, model.variants[0], home, tmp_path / "weights.gguf")
    assert locate(model, model.variants[0], home) is None


def test_a_local_file_is_held_to_the_catalogs_checksum(home, tmp_path):
    (tmp_path / "weights.gguf").write_bytes(WEIGHTS)
    source = HubSource(kind="hub", repo="owner/model", files=("weights.gguf",), sha256={"weights.gguf": "0" * 64})
    model = model_of(source)
    with pytest.raises(Unprocessable, match="catalog expects 0000"):
        import_local(model, model.variants[0], home, tmp_path)


def test_a_folder_without_the_weights_names_the_nearest(home, tmp_path):
    (tmp_path / "weights-q4.gguf").write_bytes(WEIGHTS)
    model = model_of(file="weights.gguf")
    with pytest.raises(NotFound, match="did you mean 'weights-q4"):
        import_local(model, model.variants[0], home, tmp_path)
    with pytest.raises(NotFound, match="does not exist"):
        import_local(model, model.variants[0], home, tmp_path / "nowhere")


def test_remove_frees_what_was_pulled_and_nothing_else(home, local_hub, tmp_path):
    model = model_of(file="weights.gguf")
    assert remove(model, home) == 0
    pull(model, model.variants[0], home, hub=client(local_hub))
    assert remove(model, home) > len(WEIGHTS)
    assert not pulled(model, model.variants[0], home).exists()
    (tmp_path / "weights.gguf").write_bytes(WEIGHTS)
    import_local(model, model.variants[0], home, tmp_path / "weights.gguf", link=True)
    assert remove(model, home) < len(WEIGHTS)
    assert (tmp_path / "weights.gguf").exists()
