"""What can be chosen on the command line."""

import argparse
from pathlib import Path

from . import acts, sabotage
from .refuse import refuse


def read(arguments: list[str] | None) -> argparse.Namespace:
    options = parser().parse_args(arguments)
    unknown = [name for name in options.acts if name not in acts.NAMES]
    if unknown:
        refuse(f"no act is called {unknown[0]}: there are {', '.join(acts.NAMES)}")
    short = options.short
    defaults = {
        "instances": 3 if short else 4,
        "rate": "200" if short else "auto",
        "spike": "600" if short else "auto",
        "hold": 2.0 if short else 25.0,
        "poll": 1.0 if short else 10.0,
        "drain": 2.0 if short else 5.0,
        "minutes": 10.0 if short else 45.0,
    }
    for name, value in defaults.items():
        if getattr(options, name) is None:
            setattr(options, name, value)
    options.debug = short
    options.acts = [name for name in acts.NAMES if name in (options.acts or acts.NAMES)]
    options.minimum = options.minimum if options.minimum is not None else options.instances
    options.maximum = max(options.minimum + options.batch, options.instances)
    if not 1 <= options.batch <= options.instances or not 0 <= options.minimum <= options.instances:
        refuse("a batch is of 1 to all instances, and no more than all of them are the minimum")
    if options.instances < 2:
        refuse("a fleet is two instances or more")
    return options


def rate(text: str) -> str:
    if text != "auto" and not 1 <= float(text) <= 100_000:
        raise argparse.ArgumentTypeError("'auto', or 1 to 100000")
    return text


def parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="deploy/rehearse", formatter_class=argparse.RawDescriptionHelpFormatter,
        description="Plays what may happen to a fleet of Croupier, with a verdict for each act.",
        epilog="acts, played in this order:\n" + "".join(f"  {name:<10}{title}\n" for name, title in acts.titles())
        + "\nwhat can be broken, to see verdicts fail:\n"
        + "".join(f"  {name:<10}{what}\n" for name, what in sabotage.KINDS.items()))
    parser.add_argument("acts", nargs="*", metavar="ACT", help="play these alone")
    parser.add_argument("--short", action="store_true",
                        help="two to three minutes at a low rate, with debug builds: judges failures, and latencies only "
                             "by a generous bound, as other things may run beside it")
    parser.add_argument("--report", type=Path, default=Path("target/rehearsal/report.html"), metavar="FILE.html",
                        help="the page; what it was made of lies beside it as .json [%(default)s]")

    fleet = parser.add_argument_group("the fleet")
    fleet.add_argument("--instances", type=int, metavar="N", help="[4; 3 if short]")
    fleet.add_argument("--batch", type=int, default=1, metavar="N", help="instances replaced at once [%(default)s]")
    fleet.add_argument("--minimum", type=int, metavar="N",
                       help="instances in service at any time of an update [all]; no more run than that and a batch")
    fleet.add_argument("--drain", type=float, metavar="SECONDS", help="[drain] wait of each instance [5; 2 if short]")
    fleet.add_argument("--poll", type=float, metavar="SECONDS", help="[table] poll of each instance [10; 1 if short]")

    clients = parser.add_argument_group("the Media Selector")
    clients.add_argument("--rate", type=rate, metavar="N",
                         help="requests a second; auto: half of what this machine is found to carry [auto; 200 if short]")
    clients.add_argument("--spike", type=rate, metavar="N",
                         help="requests a second in a spike; auto: 70 %% of what was found [auto; 600 if short]")
    clients.add_argument("--connections", type=int, default=64, metavar="N", help="kept open [%(default)s]")
    clients.add_argument("--http", choices=["1.1", "2"], default="1.1", help="over HTTP/2 8 streams on each connection")
    clients.add_argument("--hold", type=float, metavar="SECONDS",
                         help="before and after what is done in an act [25; 2 if short]")

    programs = parser.add_argument_group("programs, built if they are not given (release builds; debug if short)")
    programs.add_argument("--croupier", type=Path, metavar="PATH", help="the service, where --old or --new is not given")
    programs.add_argument("--old", type=Path, metavar="PATH", help="the version that runs at first")
    programs.add_argument("--new", type=Path, metavar="PATH", help="the version that it is updated to")
    programs.add_argument("--loadtest", type=Path, metavar="PATH")
    programs.add_argument("--prometheus", action=argparse.BooleanOptionalAction,
                          help="have Prometheus scrape the fleet; fetches Debian's if there is none [if there is one]")

    trials = parser.add_argument_group("trials")
    trials.add_argument("--break", dest="broken", action="append", default=[], choices=sorted(sabotage.KINDS),
                        metavar="WHAT", help="break something on purpose; may be given several times")
    trials.add_argument("--keep", type=Path, metavar="DIRECTORY",
                        help="work there, and leave configurations, logs and reports")
    trials.add_argument("--minutes", type=float, metavar="N", help="give up after so long [45; 10 if short]")
    return parser
