"""What can be broken on purpose: a verdict that can't fail says nothing. README.md has which acts fail of what."""

KINDS = {
    "instance": "an instance dies in the first act, though nothing was to be done",
    "hurry": "an update does not wait until new instances are healthy",
    "retry": "the Media Selector does not ask again",
    "checks": "the front checks nobody, and tries no other instance",
    "state": "instances keep no tables",
    "guards": "instances take any table, whatever it moves",
    "crl": "instances are not given the revocation list of the Media Selectors' CA",
    "load": "the spike is a hundred times as high",
}
