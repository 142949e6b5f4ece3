//! Waiting for a moment, to some microseconds. tokio's timers count whole milliseconds, so on Linux
//! a timer of the kernel's own is used. Who spins asks again and again instead, and never sleeps.

use std::time::Instant;

use tokio::task::yield_now;

#[derive(Debug)]
pub struct Alarm {
    spin: bool,
    #[cfg(target_os = "linux")]
    timer: tokio::io::unix::AsyncFd<std::os::fd::OwnedFd>,
}

impl Alarm {
    /// Within a tokio runtime.
    #[cfg(target_os = "linux")]
    pub fn new(spin: bool) -> Result<Self, String> {
        use rustix::time::{TimerfdClockId, TimerfdFlags, timerfd_create};
        use tokio::io::unix::AsyncFd;

        let timer = timerfd_create(TimerfdClockId::Monotonic, TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC)
            .map_err(|error| format!("no timer: {error}"))?;
        #[allow(deprecated, reason = "an owned descriptor stays what it is; the successor is unsafe")]
        let timer = AsyncFd::new(timer).map_err(|error| format!("no timer: {error}"))?;
        Ok(Self { spin, timer })
    }

    #[cfg(not(target_os = "linux"))]
    pub fn new(spin: bool) -> Result<Self, String> {
        Ok(Self { spin })
    }

    /// Returns then, or at once if it is past.
    pub async fn wait_until(&self, moment: Instant) {
        if self.spin {
            while Instant::now() < moment {
                yield_now().await;
            }
        } else if Instant::now() < moment {
            self.sleep_until(moment).await;
        }
    }

    #[cfg(target_os = "linux")]
    async fn sleep_until(&self, moment: Instant) {
        use rustix::time::{Itimerspec, TimerfdTimerFlags, Timespec, timerfd_settime};

        let left = moment.saturating_duration_since(Instant::now());
        // Nought would switch the timer off.
        let nanoseconds = i64::from(left.subsec_nanos()).max(1);
        let once = Itimerspec {
            it_interval: Timespec { tv_sec: 0, tv_nsec: 0 },
            it_value: Timespec { tv_sec: left.as_secs().cast_signed(), tv_nsec: nanoseconds },
        };
        if timerfd_settime(&self.timer, TimerfdTimerFlags::empty(), &once).is_err() {
            return tokio::time::sleep_until(moment.into()).await;
        }
        while let Ok(mut ready) = self.timer.readable().await {
            let read = ready.try_io(|timer| Ok(rustix::io::read(timer, &mut [0_u8; 8])?));
            if read.is_ok() {
                return;
            }
        }
    }

    #[cfg(not(target_os = "linux"))]
    async fn sleep_until(&self, moment: Instant) {
        tokio::time::sleep_until(moment.into()).await;
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn is_never_early() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            for spin in [false, true] {
                let alarm = Alarm::new(spin).unwrap();
                for microseconds in [0, 1, 70, 1500, 300] {
                    let moment = Instant::now() + Duration::from_micros(microseconds);
                    alarm.wait_until(moment).await;
                    assert!(Instant::now() >= moment);
                }
            }
        });
    }
}
