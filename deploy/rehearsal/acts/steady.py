"""Nothing is done: what all other acts are held against."""

import signal

TITLE = "Nothing is done"


def promises(stage) -> list[str]:
    return ["every request is answered the first time, within 100 ms", "all instances are in service all the time"]


def play(stage) -> None:
    # Its report is one that `croupier-loadtest capacity` can plan with.
    with stage.clients(measured=stage.fleet.running()) as load:
        stage.hold(2)
        if "instance" in stage.options.broken:
            stage.fleet.running()[-1].signal(signal.SIGKILL)
        stage.hold(2)
    stage.verdict.clients(load.report, asked_again=0)
    stage.expect_in_service(stage.options.instances)
