//! An override takes and loses effect by itself, and no answer outlives that.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use croupier::table::moment::written;
use serde_json::json;

use super::{ON_NET, Overriding, down};
use crate::harness::{Connection, Response, wait_until};

/// What an answer said, and between which moments it was made.
struct Answered {
    asked: SystemTime,
    received: SystemTime,
    is_overridden: bool,
    /// From the one before the override.
    generation: u64,
    ttl: u64,
}

/// Asks over and over until it is told to end.
fn ask(mut connection: Connection, done: &AtomicBool) -> Vec<Answered> {
    let mut answers = Vec::new();
    while !done.load(Ordering::Relaxed) {
        let asked = SystemTime::now();
        let response = connection.get(&format!("/lookup?ip={ON_NET}")).unwrap();
        let received = SystemTime::now();
        assert_eq!(response.status, 200);
        answers.push(Answered { asked, received, ..said(&response) });
        std::thread::sleep(Duration::from_millis(1));
    }
    answers
}

fn said(response: &Response) -> Answered {
    let answer = response.json();
    let ttl = answer["ttl"].as_u64().unwrap();
    assert_eq!(response.header("cache-control").unwrap(), format!("private, max-age={ttl}"));
    let has_beta = answer["cdns"].as_array().unwrap().iter().any(|cdn| cdn["name"] == "beta");
    let generation = answer["generation"].as_u64().unwrap();
    Answered { asked: UNIX_EPOCH, received: UNIX_EPOCH, is_overridden: !has_beta, generation, ttl }
}

#[test]
fn it_takes_and_loses_effect_under_load() {
    let served = Overriding::new();
    // A machine that is busy beyond measure may take longer to see the file than to the moment in it.
    let in_time = [3, 10, 60].into_iter().map(Duration::from_secs).any(|lead| takes_and_loses_effect(&served, lead));
    assert!(in_time, "the file is not seen within a minute");
}

/// False if it was already in force when it was seen.
fn takes_and_loses_effect(served: &Overriding, lead: Duration) -> bool {
    let client = served.setup.client(Some(&served.setup.selector));
    let first = served.generation();
    let done = Arc::new(AtomicBool::new(false));
    let askers: Vec<_> = (0..4)
        .map(|_| {
            let (connection, done) = (client.connect(served.service.lookup).unwrap(), Arc::clone(&done));
            std::thread::spawn(move || ask(connection, &done))
        })
        .collect();
    let from = SystemTime::now() + lead;
    let until = from + Duration::from_millis(1700);
    let mut timed = down("beta");
    (timed["from"], timed["until"]) = (json!(written(from)), json!(written(until)));
    served.write(&json!([timed]));
    wait_until("it is seen", || served.status()["overrides"]["scheduled"] != json!([]) || SystemTime::now() > until);
    let in_time = SystemTime::now() < from;
    if in_time {
        std::thread::sleep(lead);
        wait_until("it was in force", || served.generation() > first);
    }
    wait_until("it is over", || served.active() == 0.0);
    let after = SystemTime::now();
    wait_until("it is not spoken of", || served.answer(ON_NET)["ttl"] == 60);
    done.store(true, Ordering::Relaxed);
    let answers = askers.into_iter().map(|asker| asker.join().unwrap());
    for answers in answers.filter(|_| in_time) {
        assert!(answers.iter().is_sorted_by_key(|answer| answer.generation));
        assert!(answers.iter().any(|answer| answer.is_overridden), "{} answers", answers.len());
        for answer in answers {
            check(&Answered { generation: answer.generation - first, ..answer }, from, until, after);
        }
    }
    in_time
}

/// Nothing is early, and nothing that was answered before a change may be kept beyond it.
fn check(answer: &Answered, from: SystemTime, until: SystemTime, after: SystemTime) {
    let Answered { asked, received, is_overridden, generation, ttl } = *answer;
    assert_eq!(is_overridden, generation == 1);
    let (began, changes) = match generation {
        // Before it was known that there is to be a change, answers may be kept for the table's 60 s.
        0 => (UNIX_EPOCH, Some(from).filter(|_| ttl < 60)),
        1 => (from, Some(until)),
        2 => (until, None),
        other => panic!("generation {other}"),
    };
    assert!(received >= began, "generation {generation} is early");
    let kept_until = asked + Duration::from_secs(ttl);
    let outlives = changes.is_some_and(|change| ttl > 0 && kept_until > change);
    assert!(!outlives, "generation {generation}: {ttl} s from {asked:?} are beyond {changes:?}");
    assert!(asked < after || generation == 2, "it is over");
}

#[test]
fn what_is_scheduled_bounds_the_ttl_before_it_begins() {
    let served = Overriding::new();
    assert_eq!(served.answer(ON_NET)["ttl"], 60);
    let from = SystemTime::now() + Duration::from_hours(1);
    let mut timed = down("beta");
    timed["from"] = json!(written(from));
    served.write(&json!([timed]));
    assert_eq!(served.reload()["overrides"]["result"], "published");
    assert_eq!(served.answer(ON_NET)["ttl"], 60, "an hour is far off");
    timed["from"] = json!(written(SystemTime::now() + Duration::from_secs(40)));
    served.write(&json!([timed]));
    assert_eq!(served.reload()["overrides"]["result"], "published");
    let ttl = served.answer(ON_NET)["ttl"].as_u64().unwrap();
    assert!(ttl < 40, "{ttl}");
    assert_eq!(served.answer(ON_NET)["generation"], 1);
}
