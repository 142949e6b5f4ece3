"""An instance is killed, as by the system when memory runs out."""

import signal
import time

from ..front import noticed_when_gone

TITLE = "An instance is killed (SIGKILL)"


def promises(stage) -> list[str]:
    return [
        f"the load balancer has it out within {noticed_when_gone():g} s, and tries another instance meanwhile",
        "requests that were under way on its connections are lost, and asked again 100 ms later: at most as many as it had "
        "connections (over HTTP/2 streams)",
        "every request is answered, and those that were not asked again within 100 ms",
    ]


def play(stage) -> None:
    victim = stage.fleet.running()[1]
    with stage.clients() as load:
        stage.hold()
        connections = stage.watch.server(victim).connections
        begun = time.time()
        victim.signal(signal.SIGKILL)
        stage.note("fault", f"SIGKILL of {victim.name}, which has {connections} connections")
        noticed = stage.wait_state(victim, "DOWN", begun, 10.0)
        stage.hold()
        again = stage.fleet.start(victim.build, place=victim.place, fresh=False)
        stage.note("instance", f"{again.name} is started again, as by its supervisor")
        back = stage.wait_up([again])
        stage.hold()
    under_way = stage.requests_of(connections)
    stage.verdict.clients(load.report, asked_again=under_way)
    bound = noticed_when_gone() + stage.spare
    stage.verdict.out_of_service(noticed, bound)
    stage.verdict.expect(back, "it came back when it was started again")
    stage.expect_in_service(stage.options.instances - 1)
