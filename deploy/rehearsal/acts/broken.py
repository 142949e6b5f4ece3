"""A rolling update to a build that never gets healthy: one that ends at once, and one that answers no health check."""

from pathlib import Path

from ..update import roll

TITLE = "A rolling update to a broken build"

# What any build becomes that does not start.
ENDS_AT_ONCE = Path("/bin/false")


def promises(stage) -> list[str]:
    return [
        "the update ends at its first batch, and what was is put back",
        "nobody is ever sent to an instance that is not healthy",
        "every request is answered the first time, within 100 ms",
    ]


def play(stage) -> None:
    fleet, options = stage.fleet, stage.options
    before = set(fleet.running())
    in_all = {place.name: connections_in_all(stage, place) for place in fleet.places}
    patience = 8.0 if options.short else 20.0
    with stage.clients() as load:
        stage.hold()
        stage.note("fault", "an update to a build that ends at once")
        went_on = [roll(stage, ENDS_AT_ONCE, patience=patience)]
        stage.hold(0.5)
        stage.note("fault", "an update to a build that answers no health check")
        went_on.append(roll(stage, stage.company.version, healthy=False, patience=patience))
        stage.hold()
    stage.verdict.clients(load.report, asked_again=0 if options.minimum == options.instances else options.connections)
    stage.verdict.expect(not any(went_on), "both updates were rolled back")
    spare = [place for place in fleet.places if place.number not in {each.place.number for each in before}]
    sent = sum(connections_in_all(stage, place) - in_all[place.name] for place in spare)
    stage.verdict.expect(sent == 0, f"no connection went to the broken instances: {sent} did")
    if options.minimum == options.instances:
        stage.verdict.expect(set(fleet.running()) == before, "the instances are those that there were")
    stage.expect_in_service(options.minimum)


def connections_in_all(stage, place) -> int:
    return stage.watch.samples[-1][1][place.name].connections_in_all
