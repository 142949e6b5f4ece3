"""Whether an act went as promised. Every sentence of a verdict has the figure, and the bound that it is held against."""

from .load import RETRY_AFTER

# In the short form other things run on the same processors: no answer may take longer than this beyond what the act
# allows, no request is judged by the 100 ms, and one in a hundred may be asked twice in any case.
GENEROUS = 3.0
ASKED_AGAIN = 0.01

SLOW = 0.1


class Verdict:
    def __init__(self, *, short: bool) -> None:
        self.short = short
        self.kept: list[str] = []
        self.missed: list[str] = []
        self.doubts: list[str] = []

    def expect(self, is_so: bool, sentence: str) -> None:
        if is_so:
            self.kept.append(sentence)
        else:
            self.missed.append(f"not so: {sentence}")

    def clients(self, report: dict, *, asked_again: int, longest: float = SLOW) -> None:
        """How many requests may be asked twice, and how long one may take. No others may be slow."""
        requests = report["requests"]
        due, failed, again = requests["due"], requests["failed"], requests["retried"]
        why = "".join(f"; {each['count']} × {each['kind']}, as: {each['example']}" for each in report["failures"])
        self.expect(failed == 0 and due > 0, f"none of {due:,} requests failed" + (f": {failed} did{why}" if failed else ""))
        why = "".join(f", {each['count']} for {each['kind']}" for each in report["retried_after"])
        asked_again += int(due * ASKED_AGAIN) if self.short else 0
        self.expect(again <= asked_again, f"at most {asked_again} were asked twice: {again} were{why}")
        # What is asked twice waits before that.
        longest += RETRY_AFTER if again else 0
        most = report["latency_microseconds"]["max"] / 1e6
        if self.short:
            self.expect(most <= longest + GENEROUS, f"no answer took longer than {longest + GENEROUS:g} s: {most:.3f} s")
        else:
            # The generator's word that it was not late itself.
            if report["verdict"]["outcome"] == "not_measured":
                self.doubts += report["verdict"]["reasons"]
            count = requests["slow"]
            self.expect(count <= again, f"at most those {again} took longer than 100 ms: {count} did")
            self.expect(most <= longest, f"no answer took longer than {longest * 1e3:g} ms: {most * 1e3:.1f} ms")

    def out_of_service(self, noticed: float | None, bound: float) -> None:
        """Seconds until the front had an instance out, if it ever did."""
        when = "never" if noticed is None else f"after {noticed:.2f} s"
        self.expect(noticed is not None and noticed <= bound, f"it was out of service within {bound:g} s: {when}")

    def document(self) -> dict:
        """What was missed is worse than what was not measured; but who was late can't blame the service for that."""
        if self.doubts:
            return {"outcome": "not_measured", "reasons": self.doubts + self.missed + self.kept}
        return {"outcome": "missed" if self.missed else "met", "reasons": self.missed + self.kept}
