"""A new revocation list ends one of two Media Selectors in the middle of its requests."""

import time

TITLE = "One of two Media Selectors is revoked"

# From the new list's rename to the last answer, and what is spare: files are looked at once a second.
ENDS_WITHIN = 1.5

# How a client that is trusted no longer is turned away: at a request, at a handshake, or by the end of a connection.
REFUSALS = {"status 403", "tls", "cut"}


def promises(stage) -> list[str]:
    return [
        f"{within(stage):g} s after the revocation list was replaced, the revoked client gets no answer any more, neither "
        "on its open connections nor on new ones, and it was answered until then",
        "the other does not notice: every request is answered the first time, within 100 ms",
    ]


def play(stage) -> None:
    # Once it is refused each of its requests is a handshake.
    rate = min(20, stage.company.rate / 2)
    with stage.clients() as load, stage.clients(
            "the Media Selector that is revoked", identity="second", retry=False, rate=rate, connections=8) as revoked:
        stage.hold()
        begun = time.time()
        stage.trust.revoke_second()
        stage.note("reload", "a revocation list with the second Media Selector on it takes the place of the one before")
        time.sleep(within(stage) + 1)
        stage.hold()
    stage.verdict.clients(load.report, asked_again=0)
    judge_revoked(stage.verdict, revoked.report, begun, within(stage))
    stage.expect_in_service(stage.options.instances)


def within(stage) -> float:
    return ENDS_WITHIN + stage.spare


def judge_revoked(verdict, report: dict, begun: float, within: float) -> None:
    width = report["seconds_per_point"]
    points = [(report["began"] + point["seconds"], point) for point in report["timeline"]]
    before = [point for at, point in points if at + width <= begun]
    after = [point for at, point in points if at >= begun + within]
    answered, failed = (sum(point[what] for point in before) for what in ("answered", "failed"))
    verdict.expect(answered > 0 and failed == 0, f"the revoked client was answered before that: {answered} times, and "
                   f"{failed} times not")
    asked, answered = (sum(point[what] for point in after) for what in ("due", "answered"))
    verdict.expect(asked > 0 and answered == 0, f"none of {asked} of its requests was answered later than "
                   f"{within:g} s after that: {answered} were")
    kinds = {each["kind"] for each in report["failures"]}
    verdict.expect(bool(kinds) and kinds <= REFUSALS, f"it was refused, not kept waiting: {', '.join(sorted(kinds))}")
