"""A rolling update from the old version to the new one."""

from ..update import roll

TITLE = "A rolling update from the old version to the new"


def promises(stage) -> list[str]:
    options = stage.options
    return [
        f"{options.batch} at a time, never fewer than {options.minimum} of {options.instances} in service, as the load "
        "balancer sees it; each new one is healthy before an old one is told to end",
        "an instance that ends gets no new connection, and answers what it was asked; an idle connection may be closed "
        "just as a request is written: that is asked again, at most once for each connection",
        "every request is answered, within 100 ms",
    ]


def play(stage) -> None:
    fleet, options = stage.fleet, stage.options
    before = fleet.running()
    with stage.clients() as load:
        stage.hold()
        done = roll(stage, stage.programs.new)
        stage.hold()
    stage.company.version = stage.programs.new
    stage.verdict.clients(load.report, asked_again=options.connections)
    stage.verdict.expect(done, "the update was carried through")
    left = [each.name for each in before if each.is_running()]
    stage.verdict.expect(not left and stage.watch.in_service() == options.instances,
                         f"all {options.instances} instances are new and in service: {stage.watch.in_service()} are, "
                         f"{len(left)} old ones are left")
    stage.expect_in_service(options.minimum)
