"""A spike from almost nothing, while an instance is out."""

import signal
import time

TITLE = "A spike from almost nothing, while an instance is out"

SPIKES = 2


def promises(stage) -> list[str]:
    return [
        f"from 1 to {stage.company.spike:,.0f} requests a second within a second, {SPIKES} times, with "
        f"{stage.options.instances - 1} of {stage.options.instances} instances",
        "every request is answered the first time, within 100 ms",
    ]


def play(stage) -> None:
    hold = 3 if stage.options.short else 10
    victim = stage.fleet.running()[-1]
    begun = time.time()
    victim.signal(signal.SIGKILL)
    stage.note("fault", f"SIGKILL of {victim.name}: it stays out")
    stage.wait_state(victim, "DOWN", begun, 10.0)
    high = stage.company.spike * (100 if "load" in stage.options.broken else 1)
    load = stage.load("the Media Selector", "spike",
                      ["--low", 1, "--high", high, "--ramp", 1, "--hold", hold, "--rest", hold, "--spikes", SPIKES])
    load.wait((SPIKES * (2 * hold + 2) + hold) * 2 + 30)
    again = stage.fleet.start(victim.build, place=victim.place, fresh=False)
    stage.note("instance", f"{again.name} is started again")
    back = stage.wait_up([again])
    stage.verdict.clients(load.report, asked_again=0)
    stage.verdict.expect(back, "the instance came back")
    stage.expect_in_service(stage.options.instances - 1)
