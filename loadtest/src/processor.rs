//! The processor time that processes have used and the memory they hold, as `/proc` has it.

use std::time::Duration;

/// User and system time of all threads of these processes.
pub fn used(processes: &[u32]) -> Result<Duration, String> {
    let mut ticks = 0;
    for process in processes {
        let path = format!("/proc/{process}/stat");
        let stat = std::fs::read_to_string(&path).map_err(|error| format!("{path}: {error}"))?;
        ticks += ticks_of(&stat).ok_or_else(|| format!("{path}: not understood"))?;
    }
    let ticks_per_second = rustix::param::clock_ticks_per_second();
    Ok(Duration::from_secs_f64(ticks as f64 / ticks_per_second as f64))
}

/// The resident memory of these processes, in bytes. What they share counts for each of them.
pub fn memory(processes: &[u32]) -> Result<u64, String> {
    let mut pages = 0;
    for process in processes {
        let path = format!("/proc/{process}/statm");
        let statm = std::fs::read_to_string(&path).map_err(|error| format!("{path}: {error}"))?;
        let resident = statm.split_ascii_whitespace().nth(1).and_then(|pages| pages.parse::<u64>().ok());
        pages += resident.ok_or_else(|| format!("{path}: not understood"))?;
    }
    Ok(pages * rustix::param::page_size() as u64)
}

/// The open descriptors of these processes; 0 if they are not ours to look at.
pub fn descriptors(processes: &[u32]) -> u64 {
    let open = |process| std::fs::read_dir(format!("/proc/{process}/fd")).map_or(0, Iterator::count);
    processes.iter().map(|process| open(process) as u64).sum()
}

/// How long this program's first thread was ready to run, but something else had its core. Nothing
/// if the system does not say so.
pub fn waited_for_core() -> Duration {
    let schedstat = std::fs::read_to_string("/proc/self/schedstat").unwrap_or_default();
    let nanoseconds = schedstat.split_ascii_whitespace().nth(1).and_then(|waited| waited.parse().ok());
    Duration::from_nanos(nanoseconds.unwrap_or_default())
}

/// The 14th and 15th field. The 2nd is the program's name in parentheses, which may hold anything.
fn ticks_of(stat: &str) -> Option<u64> {
    let (_, from_third) = stat.rsplit_once(')')?;
    let mut fields = from_third.split_ascii_whitespace().skip(11);
    let (user, system) = (fields.next()?, fields.next()?);
    Some(user.parse::<u64>().ok()? + system.parse::<u64>().ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn adds_user_and_system_time() {
        let stat = "31333 (cat) R 31330 31330 26927 0 -1 4194304 99 0 0 0 250 17 9 9 20 0 1 0 1175276 3133440 405";
        assert_eq!(ticks_of(stat), Some(267));
    }

    #[test]
    fn is_not_misled_by_a_name() {
        let stat = "7 (a) b (1 2 3) S 1 1 1 0 -1 4194304 99 0 0 0 3 4 0 0 20";
        assert_eq!(ticks_of(stat), Some(7));
    }

    #[test]
    fn refuses_what_is_cut_short() {
        assert_eq!(ticks_of("7 (a) S 1 1 1 0 -1 4194304 99 0 0 0 3"), None);
        assert_eq!(ticks_of(""), None);
    }

    #[test]
    fn knows_its_own_process() {
        assert!(used(&[std::process::id()]).is_ok());
        assert!(used(&[0]).is_err());
        assert!(memory(&[std::process::id()]).unwrap() > 100_000);
        assert!(memory(&[0]).is_err());
    }
}
