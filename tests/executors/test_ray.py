"""A Ray cluster of two nodes on this machine: results are those of one process, and what is wrong with a cluster is said."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, ClassVar

import pytest

from dna_deploy.contracts import ExecutorContract
from dna_deploy.errors import DnaDeployError, UsageError
from dna_deploy.executors.executor import Demand, Job, find_executor
from dna_deploy.executors.ray_cluster import _Origin, _result, facts
from dna_deploy.learning.compute import Compute
from dna_deploy.progress import OnProgress, Progress, silent
from dna_deploy.rating.raters.dna.rating import rate_space
from tests.toy import CONFIG, SPACE, toy_data, toy_teacher

ray = pytest.importorskip("ray", reason="Ray is not installed: pip install 'dna-deploy[ray]'")
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::FutureWarning")]


@pytest.fixture(scope="module", autouse=True)
def cluster() -> Iterator[Any]:
    from ray.cluster_utils import Cluster

    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("PYTHONPATH", str(Path.cwd()))  # workers know the tests, as nodes know what is installed
        node = {"num_cpus": 1, "include_dashboard": False, "object_store_memory": 2**27}
        eager = {"health_check_period_ms": 200, "health_check_timeout_ms": 500, "health_check_failure_threshold": 2}
        cluster = Cluster(initialize_head=True, head_node_args={**node, "_system_config": eager})
        cluster.add_node(num_cpus=1, object_store_memory=2**27)
        OnRay.address = f"ray:{cluster.address}"
        yield cluster
        ray.shutdown()
        cluster.shutdown()


class OnRay:
    address: ClassVar[str]


class TestRay(ExecutorContract, OnRay):
    address: ClassVar[str]  # type: ignore[misc]

    def test_every_node_counts(self) -> None:
        assert self.executor.slots == 2


def waiting(folder: Path, number: int, on_progress: OnProgress) -> int:
    """A task that says on which node it runs, and ends when it is told to."""
    (folder / f"{number} on {ray.get_runtime_context().get_node_id()}").touch()
    while not (folder / "go").exists():
        time.sleep(0.05)
    return 10 * number


def test_the_task_of_a_node_that_is_lost_is_tried_again_on_another(tmp_path: Path, cluster: Any) -> None:
    node, heard = cluster.add_node(num_cpus=1, object_store_memory=2**27), list[int]()
    cluster.wait_for_nodes()
    lost = f"* on {node.node_id}"

    def unplug() -> None:
        while len(list(tmp_path.glob("* on *"))) < 3:
            time.sleep(0.05)
        cluster.remove_node(node, allow_graceful=False)
        (tmp_path / "go").touch()

    with ThreadPoolExecutor(1) as hand:
        unplugged = hand.submit(unplug)
        executor = find_executor(OnRay.address, Demand())
        results = executor.run(Job("tiny task", waiting, tmp_path), range(3), silent, lambda number, _: heard.append(number))
        unplugged.result()
    assert results == [0, 10, 20]
    assert sorted(heard) == [0, 1, 2]
    (begun,) = tmp_path.glob(lost)
    assert len(list(tmp_path.glob(f"{begun.name.partition(' ')[0]} on *"))) == 2, "its task ran nowhere else"


def test_a_cluster_rates_like_one_process_and_says_how_things_travel(tmp_path: Path) -> None:
    alone = rate_space(SPACE, toy_teacher(), toy_data(), CONFIG, tmp_path / "alone")
    told: list[Progress] = []
    compute = Compute(on=OnRay.address)
    spread = rate_space(SPACE, toy_teacher(), toy_data(), CONFIG, tmp_path / "spread", compute=compute, on_progress=told.append)
    assert spread.blocks == alone.blocks
    for name in ("supernet-1.safetensors", "ratings-2.safetensors"):
        assert (tmp_path / "alone" / name).read_bytes() == (tmp_path / "spread" / name).read_bytes(), name
    (notice,) = {progress.notice for progress in told if "object store" in progress.notice}
    assert str(tmp_path / "spread") in notice


@pytest.mark.parametrize("place", ["127.0.0.1:{port}", "//127.0.0.1:{port}"])
def test_an_address_where_nobody_answers_is_said_at_once(place: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    ray.shutdown()
    with pytest.raises(UsageError, match=f"no cluster answers at .*{port}"):
        _ = find_executor("ray:" + place.format(port=port), Demand()).slots


def test_a_cluster_of_another_ray_or_python_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def init(**_: object) -> None:
        raise RuntimeError("Version mismatch: The cluster was started with:\n    Ray: 2.9.0\n    Python: 3.9.1")

    ray.shutdown()
    monkeypatch.setattr(ray, "init", init)
    with pytest.raises(UsageError) as caught:
        _ = find_executor(OnRay.address, Demand()).slots
    assert "Version mismatch: The cluster was started with: Ray: 2.9.0 Python: 3.9.1" in caught.value.message
    assert caught.value.hint == "the same ray and Python must run there"


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (ray.exceptions.OutOfMemoryError("killed"), "tiny task 3: its node ran out of memory"),
        (ray.exceptions.OutOfDiskError("full"), "tiny task 3: its node has no room for what it is given"),
        (ray.exceptions.NodeDiedError("gone"), "tiny task 3 was tried 3 times, and its worker died"),
    ],
)
def test_a_node_that_has_no_room_or_dies_for_good_is_one_line(
    error: Exception, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def get(reference: object) -> object:
        raise error

    monkeypatch.setattr(ray, "get", get)
    with pytest.raises(DnaDeployError, match=words):
        _result(Job("tiny task", len, None), 2, object())


@pytest.mark.parametrize("place", ["", "head", "//head"])
def test_a_place_that_is_no_address_is_refused_before_anything_starts(place: str) -> None:
    with pytest.raises(UsageError, match="is no address of a cluster"):
        find_executor(f"ray:{place}", Demand())


def test_a_worker_of_other_versions_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"has torch 1\.0, the driver"):
        _Origin.of(tmp_path).check({**facts(), "torch": "1.0"})


def test_a_worker_that_does_not_see_the_folder_is_refused(tmp_path: Path) -> None:
    origin = _Origin.of(tmp_path)
    (tmp_path / ".driver").write_text("of another disk")
    with pytest.raises(UsageError, match=f"does not see {tmp_path}"):
        origin.check(facts())


def test_a_worker_that_lacks_the_data_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "project").mkdir()
    monkeypatch.chdir(tmp_path / "project")
    origin = _Origin.of(tmp_path)
    (tmp_path / "project").rmdir()
    with pytest.raises(UsageError, match="lacks the data"):
        origin.check(facts())
