"""The rehearsal, in reading order:

main        from the command line to the page
options     what can be chosen; programs: the binaries, built if need be
sabotage    what can be broken on purpose, to see a verdict fail
director    sets the stage, plays the acts, clears up
acts        one file each: what is done to the fleet, and what must come of it
stage       what an act works with; verdict: how it is judged
fleet       the instances: places, starting, draining; instance: one of them
update      a rolling update by the rules of an auto-scaling policy
front       HAProxy; watch: what it thinks of each instance
load        croupier-loadtest; tables, store: what is published, and where; trust: certificates
monitoring  Prometheus, if it is installed
processes   everything that was started, and its end; network: addresses; report: the page; refuse: wrong usage
"""
