"""A bad table is published to the whole fleet, then a good one."""

TITLE = "A bad table is published, then a good one"

# Beyond 1.25 × poll: to fetch it, and to compile it at idle priority beside everything else.
COMPILES_WITHIN = 20.0

# In the short form: whatever else runs on the machine comes before a thread of idle priority.
COMPILES_WITHIN_IF_BUSY = 150.0


def promises(stage) -> list[str]:
    return [
        "every instance refuses a table that would move most of the Internet, serves the one before on, and says so in "
        "its health (warn)",
        "every instance serves the good one, the same by its digest, and is well again",
        "every request is answered the first time, within 100 ms",
    ]


def play(stage) -> None:
    fleet, verdict = stage.fleet, stage.verdict
    compiles_within = COMPILES_WITHIN_IF_BUSY if stage.options.short else COMPILES_WITHIN
    within = stage.options.poll * 1.25 + compiles_within
    served = {each: each.digest() for each in fleet.running()}
    refused = {each: each.refused_tables() for each in fleet.running()}
    with stage.clients() as load:
        stage.hold()
        bad = stage.tables.publish("bad")
        stage.note("reload", f"the bad table is published: {bad[:12]}")
        seen = stage.wait_all(lambda each: each.refused_tables() > refused[each] or each.digest() == bad, within)
        verdict.expect(seen and all(each.refused_tables() > refused[each] for each in served),
                       f"every instance refused the bad table within {within:g} s")
        verdict.expect(all(each.digest() == served[each] for each in served), "all served the table before it on")
        verdict.expect(all(each.health()["status"] == "warn" for each in served), "the health of all of them warned of it")
        stage.note("reload", "every instance has looked at it")
        stage.hold()
        good = stage.tables.publish("good")
        stage.note("reload", f"the good table is published: {good[:12]}")
        converged = stage.wait_all(lambda each: each.digest() == good, within)
        verdict.expect(converged, f"every instance served the good table, {good[:12]}, within {within:g} s")
        well = stage.wait_all(lambda each: each.health()["status"] == "pass", within)
        verdict.expect(well, "all of them were well again")
        stage.note("reload", "every instance serves it")
        stage.hold()
    verdict.clients(load.report, asked_again=0)
    stage.expect_in_service(stage.options.instances)
