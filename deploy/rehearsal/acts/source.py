"""The tables' store is gone, and an instance is restarted meanwhile."""

import signal

TITLE = "The tables' source is gone, and an instance is restarted"

# Beyond `poll`: an instance gives each object five seconds when it starts, then begins with what is kept.
STARTS_WITHIN = 40.0

# After failures a store is asked less and less often, but every minute at least.
ASKS_AGAIN_WITHIN = 80.0


def promises(stage) -> list[str]:
    return [
        "every instance serves on, and its health says why that is not quite well (warn)",
        "an instance that is restarted serves the table that it kept",
        "all is well by itself when the store is back",
        "every request is answered, within 100 ms; a connection of the instance that is restarted may be asked again",
    ]


def play(stage) -> None:
    fleet, verdict, options = stage.fleet, stage.verdict, stage.options
    served = {each.digest() for each in fleet.running()}
    victim = fleet.running()[0]
    with stage.clients() as load:
        stage.hold()
        stage.store.close()
        stage.note("fault", "the store is gone: connections to it are refused")
        noticed = stage.wait_all(lambda each: each.health()["status"] == "warn", options.poll * 1.25 + 15)
        verdict.expect(noticed, "the health of every instance warned of it")
        connections = stage.watch.server(victim).connections
        code = fleet.drain(victim)
        stage.note("instance", f"{victim.name} has ended (SIGTERM), with exit code {code}")
        again = fleet.start(victim.build, place=victim.place, fresh=False)
        stage.note("instance", f"{again.name} is started again, without the store")
        back = stage.wait_up([again], STARTS_WITHIN)
        verdict.expect(back, "it came back without the store")
        verdict.expect({each.digest() for each in fleet.running()} == served, "all serve the table that they had")
        stage.hold()
        stage.store.open()
        stage.note("fault", "the store is back")
        if options.short:
            for each in fleet.running():
                each.signal(signal.SIGHUP)
        well = stage.wait_all(lambda each: each.health()["status"] == "pass", ASKS_AGAIN_WITHIN)
        verdict.expect(well, f"all of them were well again within {ASKS_AGAIN_WITHIN:g} s")
        stage.hold()
    verdict.clients(load.report, asked_again=stage.requests_of(connections))
    stage.expect_in_service(options.instances - 1)
