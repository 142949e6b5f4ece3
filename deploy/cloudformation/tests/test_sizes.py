"""Every row of the fleet's sizes against what CloudFormation demands of a rolling update, and what we do."""

import unittest
from pathlib import Path

from cfnlint.decode import cfn_yaml

FLEET = cfn_yaml.load(str(Path(__file__).parents[1] / "fleet.yaml"))
ROWS = FLEET["Mappings"]["Sizes"]
COLUMNS = ["Size", "InService", "Batch", "MaxSize", "EventSize", "EventMaxSize"]


def wrong(key, row):
    """What is wrong with a row: nothing, or sentences."""
    if sorted(row) != sorted(COLUMNS) or any(type(value) is not int or value < 1 for value in row.values()):
        return [f"{key}: {', '.join(COLUMNS)} are whole numbers from 1, and all that there is"]
    size, in_service, batch, most, event, event_most = (row[column] for column in COLUMNS)
    rules = {
        "the key is the size": key == str(size),
        "MaxSize leaves room for a batch beside those in service": most >= in_service + batch,
        "InService is below MaxSize, or the update is refused": in_service < most,
        "InService is the size, so that an update takes nothing away": in_service == size,
        "a batch is a third of the fleet at most, or one instance": batch <= max(1, size // 3),
        "MaxSize leaves room for no more than an update needs": most == size + batch,
        "an event's size is larger": event > size,
        "EventMaxSize leaves room for a batch beside an event's size": event_most >= event + batch,
        "EventMaxSize leaves room for no more than an update needs": event_most == event + batch,
    }
    return [f"{key}: {rule}" for rule, holds in rules.items() if not holds]


class Sizes(unittest.TestCase):
    def test_every_row(self):
        for key, row in ROWS.items():
            with self.subTest(row=key):
                self.assertEqual(wrong(key, dict(row)), [])

    def test_there_is_a_row_for_every_size_that_can_be_asked_for(self):
        self.assertEqual(list(ROWS), FLEET["Parameters"]["FleetSize"]["AllowedValues"])
        self.assertIn(FLEET["Parameters"]["FleetSize"]["Default"], ROWS)

    def test_wrong_rows_are_found(self):
        good = {"Size": 6, "InService": 6, "Batch": 2, "MaxSize": 8, "EventSize": 12, "EventMaxSize": 14}
        self.assertEqual(wrong("6", good), [])
        for key, change, rule in [
            ("7", {}, "the key"),
            ("6", {"MaxSize": 7}, "MaxSize leaves room for a batch"),
            ("6", {"Batch": 3, "MaxSize": 9, "EventMaxSize": 15}, "a batch is a third"),
            ("6", {"InService": 8}, "InService is below"),
            ("6", {"InService": 5}, "InService is the size"),
            ("6", {"MaxSize": 9}, "MaxSize leaves room for no more"),
            ("6", {"EventSize": 6, "EventMaxSize": 8}, "an event's size is larger"),
            ("6", {"EventMaxSize": 13}, "EventMaxSize leaves room for a batch"),
            ("6", {"EventMaxSize": 15}, "EventMaxSize leaves room for no more"),
            ("6", {"Batch": 0}, "Size, InService"),
            ("6", {"Batch": "2"}, "Size, InService"),
            ("6", {"Bath": 2}, "Size, InService"),
        ]:
            with self.subTest(change=change):
                found = wrong(key, good | change)
                self.assertTrue(any(rule in sentence for sentence in found), found)


class Update(unittest.TestCase):
    """What the fleet does with its rows."""

    GROUP = FLEET["Resources"]["Group"]

    def row(self, column):
        return {"Fn::FindInMap": ["Sizes", {"Ref": "FleetSize"}, column]}

    def test_the_group_is_of_the_row_s_sizes(self):
        properties, update = self.GROUP["Properties"], self.GROUP["UpdatePolicy"]["AutoScalingRollingUpdate"]
        self.assertEqual(properties["MinSize"], self.row("Size"))
        self.assertEqual(properties["DesiredCapacity"], self.row("Size"))
        self.assertEqual(properties["MaxSize"], self.row("MaxSize"))
        self.assertEqual(update["MinInstancesInService"], self.row("InService"))
        self.assertEqual(update["MaxBatchSize"], self.row("Batch"))

    def test_an_update_waits_for_every_instance(self):
        update = self.GROUP["UpdatePolicy"]["AutoScalingRollingUpdate"]
        self.assertIs(update["WaitOnResourceSignals"], True)
        self.assertEqual(update["MinSuccessfulInstancesPercent"], 100)
        self.assertEqual(self.GROUP["CreationPolicy"]["ResourceSignal"]["Count"], {"Ref": "FleetSize"})

    def test_an_update_suspends_nothing_that_it_needs(self):
        suspended = set(self.GROUP["UpdatePolicy"]["AutoScalingRollingUpdate"]["SuspendProcesses"])
        self.assertFalse(suspended & {"Launch", "Terminate", "AddToLoadBalancer"})
        self.assertLessEqual({"HealthCheck", "ReplaceUnhealthy", "AZRebalance", "ScheduledActions"}, suspended)


if __name__ == "__main__":
    unittest.main()
