"""What this machine carries: clients, front and all instances on its processors. Nothing of it holds for another."""

import json

from .load import ALLOW_LATE, Load

# In the end, the next rate that is tried is so much higher.
STEP = 1.25
LEAST, MOST = 1000.0, 64_000.0
SECONDS = 5

# Of what was carried: when instances come and go as well, each compiles its table and shakes hands with its clients on
# the same processors; in a spike nothing comes and goes, but it begins within a second.
STEADY, SPIKE = 0.5, 0.7


def rates(company) -> tuple[float, float, str]:
    """The rate of all acts, the rate of a spike, and how they were come by."""
    options = company.options
    wanted = (options.rate, options.spike)
    if "auto" not in wanted:
        return float(options.rate), float(options.spike), "as given"
    carried = highest(company)
    rate = round(carried * STEADY, -2) if options.rate == "auto" else float(options.rate)
    spike = round(carried * SPIKE, -2) if options.spike == "auto" else float(options.spike)
    found = f"{carried:,.0f}/s were carried for {SECONDS} s without an answer after 100 ms"
    return rate, spike, f"{found}; {STEADY:.0%} and {SPIKE:.0%} of it"


def highest(company) -> float:
    """Doubles the rate until it is too high, then goes there in smaller steps."""
    carried = climb(company, LEAST, 2.0, MOST)
    if not carried:
        raise RuntimeError(f"this machine does not carry {LEAST:,.0f} requests a second: give --rate and --spike")
    return climb(company, carried * STEP, STEP, carried * 2 - 1) or carried


def climb(company, rate: float, step: float, most: float) -> float:
    """The last that was carried, 0 if none was."""
    carried = 0.0
    while rate <= most:
        company.say(f"does this machine carry {rate:,.0f} requests a second?")
        # Once more, as anything may happen once.
        if not any(carries(company, rate, attempt) for attempt in (1, 2)):
            break
        carried, rate = rate, rate * step
    return carried


def carries(company, rate: float, attempt: int) -> bool:
    arguments = [*company.trust.identity("client"), "--address", company.front.address, "--rate", rate,
                 "--seconds", SECONDS, "--http", company.options.http, "--allow-late", ALLOW_LATE]
    load = Load("calibration", "steady", arguments, connections=company.options.connections, programs=company.programs,
                processes=company.processes, directory=company.directory / "loads" / f"calibration-{rate:.0f}-{attempt}")
    load.wait(SECONDS + 30)
    requests = load.report["requests"]
    company.say(f"          {json.dumps(load.report['verdict']['reasons'])}")
    return load.report["verdict"]["outcome"] == "met" and not requests["slow"] and not requests["failed"]
