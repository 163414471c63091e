"""A problem that is asked of a process of its own, beside what is asked of another."""

from __future__ import annotations

from concurrent.futures import Future
from dataclasses import dataclass
from threading import Thread

from gradcert.certify.subjects.answers import Answer
from gradcert.certify.subjects.processes import Failure
from gradcert.certify.subjects.subject import Begun, Subject, Worker
from gradcert.reference.networks import Problem


@dataclass(frozen=True)
class Ahead:
    """What a fresh process with ordinary threads is asked while the subject's own process goes on.

    A thread waits for it, with everything that is watched whenever a subject is asked. The imports, and what a library
    loads at its first call, then take the time of nobody: PyTorch's first backward pass is a second.
    """

    begun: Begun
    future: Future[Answer | Failure]

    @classmethod
    def of(cls, subject: Subject, problem: Problem) -> Ahead:
        """Begin a process and ask it."""
        begun, future = subject.begin(ordinary=True), Future[Answer | Failure]()
        Thread(target=_ask, args=(begun, future, problem, subject.stepwise), daemon=True).start()
        return cls(begun, future)

    def answer(self) -> Answer | Failure:
        """Return its answer, or why it did not start, once there is one; the process has ended then."""
        return self.future.result()

    def stop(self) -> None:
        """End the process; its pipes close once no thread reads them, as their numbers may be another file's then."""
        self.begun.process.end()
        self.future.exception()
        self.begun.process.kill()


def _ask(begun: Begun, future: Future[Answer | Failure], problem: Problem, stepwise: bool) -> None:
    try:
        worker = begun.worker()
        if isinstance(worker, Worker):
            worker.stepwise = stepwise or worker.stepwise
            answer = worker.ask(problem)
            worker.stop()
            future.set_result(answer)
        else:
            future.set_result(worker)
    except BaseException as error:  # whoever asks for the answer is told
        future.set_exception(error)
