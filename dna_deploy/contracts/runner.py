"""What a runner must keep, so that its timings can make a table."""

from __future__ import annotations

import tempfile
from pathlib import Path

from dna_deploy.contracts.tiny import is_refused, tiny_model
from dna_deploy.errors import DnaDeployError
from dna_deploy.latency.runners import Runner, open_runner
from dna_deploy.targets.target import Target

_RUNS = 5


class RunnerContract:
    """Inherit it, and give a target that can be had on this machine."""

    target: Target

    def test_it_says_what_it_is(self) -> None:
        runner = self._opened()
        assert runner.version, "a fingerprint needs the runtime's version"
        assert all(isinstance(value, str) for value in runner.libraries.values()), f"not all text: {runner.libraries}"

    def test_it_times_every_run(self) -> None:
        with tiny_model() as model:
            session = self._opened().load(model.path)
            session.run()
            times = session.time_runs(_RUNS)
        assert len(times) == _RUNS, f"{len(times)} times for {_RUNS} runs"
        assert all(isinstance(time, int) and time >= 0 for time in times), f"not whole nanoseconds: {times}"

    def test_two_models_can_be_loaded_at_once(self) -> None:
        runner = self._opened()
        with tiny_model() as model:
            sessions = [runner.load(model.path) for _ in range(2)]
            assert all(len(session.time_runs(1)) == 1 for session in (*sessions, *sessions))

    def test_what_is_no_model_is_not_loaded(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "model.onnx"
            path.write_bytes(b"no model")
            assert is_refused(lambda: self._opened().load(path), Exception), "it loaded a file that is no model"

    def test_a_provider_that_is_not_there_is_refused(self) -> None:
        target = self.target.model_copy(update={"provider": "no-such-provider"})
        assert is_refused(lambda: open_runner(target), DnaDeployError), "an unknown provider must be refused by name"

    def test_its_provider_is_one_that_it_names(self) -> None:
        providers = self._opened().providers()
        assert self.target.provider in providers, f"{self.target.provider!r} is not among {providers}"

    def test_throttling_is_told_in_words(self) -> None:
        reasons = self._opened().throttle_reasons()
        assert isinstance(reasons, tuple), f"a tuple of reasons, not {reasons!r}"
        assert all(isinstance(reason, str) for reason in reasons), f"not all text: {reasons}"

    def _opened(self) -> Runner:
        return open_runner(self.target)
