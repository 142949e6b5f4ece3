"""A rolling update by the rules of an auto-scaling policy.

Instances are replaced in batches. There are never fewer in service than the minimum, nor more running than that and a
batch: as many new ones as there is room for are started before old ones end. A batch is done when the front says that
its new instances are healthy (as a stack waits for signals); if they do not get there in time, the update ends there,
and what was is put back.
"""

from pathlib import Path

# Until a new instance must be healthy.
PATIENCE = 60.0


def roll(stage, build: Path, *, healthy: bool = True, patience: float = PATIENCE) -> bool:
    """Whether all of the fleet was replaced."""
    fleet, options = stage.fleet, stage.options
    hurries = "hurry" in options.broken
    old = fleet.running()
    for group in (old[at:at + options.batch] for at in range(0, len(old), options.batch)):
        room = options.maximum - len(fleet.running())
        # For those there is no room beside the new ones.
        early, late = split(group, max(0, len(group) - room))
        if hurries:
            early, late = group, []
        for instance in early:
            drain(stage, instance)
        new = [fleet.start(build, healthy=healthy) for _ in group]
        stage.note("instance", f"{names(new)} started, for {names(group)}")
        if not hurries and not stage.wait_up(new, patience):
            roll_back(stage, new, early)
            return False
        for instance in late:
            drain(stage, instance)
    return True


def drain(stage, instance) -> None:
    stage.note("instance", f"{instance.name} is told to end (SIGTERM)")
    code = stage.fleet.drain(instance)
    stage.note("instance", f"{instance.name} has ended, with exit code {code}")
    stage.verdict.expect(code == 0, f"{instance.name} ended in order: exit code {code}")


def roll_back(stage, new: list, ended: list) -> None:
    stage.note("instance", f"{names(new)}: not healthy in time, the update ends here")
    for instance in new:
        stage.fleet.end(instance)
    for instance in ended:
        again = stage.fleet.start(instance.build, place=instance.place)
        stage.note("instance", f"{again.name} is put back")
        stage.wait_up([again])


def names(instances: list) -> str:
    return ", ".join(instance.name for instance in instances)


def split(group: list, count: int) -> tuple[list, list]:
    return group[:count], group[count:]
