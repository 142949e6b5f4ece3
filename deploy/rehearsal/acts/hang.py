"""An instance hangs: it has its connections, takes new ones, and says nothing."""

import signal
import time

from ..front import noticed_when_hung

TITLE = "An instance hangs (SIGSTOP), and goes on (SIGCONT)"


def promises(stage) -> list[str]:
    return [
        f"the load balancer has it out within {noticed_when_hung():g} s, and cuts its connections",
        "until then requests wait on them: at most as many as it had connections, or was given more of (over HTTP/2 "
        "streams), and none for longer than that and 100 ms",
        "all of them are asked again, and answered; every other request is answered the first time, within 100 ms",
        "it comes back when it goes on",
    ]


def play(stage) -> None:
    victim = stage.fleet.running()[1]
    with stage.clients() as load:
        stage.hold()
        server = stage.watch.server(victim)
        begun = time.time()
        victim.signal(signal.SIGSTOP)
        stage.note("fault", f"SIGSTOP of {victim.name}, which has {server.connections} connections")
        noticed = stage.wait_state(victim, "DOWN", begun, 15.0)
        # Those that it had, and those that it was given since.
        affected = server.connections + stage.watch.server(victim).connections_in_all - server.connections_in_all
        stage.hold()
        victim.signal(signal.SIGCONT)
        stage.note("fault", f"SIGCONT of {victim.name}")
        back = stage.wait_up([victim])
        stage.hold()
    under_way, bound = stage.requests_of(affected), noticed_when_hung() + stage.spare
    stage.verdict.clients(load.report, asked_again=under_way, longest=bound + 0.1)
    stage.verdict.out_of_service(noticed, bound)
    stage.verdict.expect(back, "it came back when it went on")
    stage.expect_in_service(stage.options.instances - 1)
