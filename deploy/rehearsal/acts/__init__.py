"""The acts, in the order in which they are played. Each has TITLE, promises(stage) and play(stage)."""

from . import broken, hang, kill, revoke, source, spike, steady, table, update

MODULES = {
    "steady": steady, "update": update, "broken": broken, "kill": kill, "source": source, "hang": hang, "table": table,
    "revoke": revoke, "spike": spike,
}
NAMES = list(MODULES)


def titles() -> list[tuple[str, str]]:
    return [(name, module.TITLE) for name, module in MODULES.items()]
