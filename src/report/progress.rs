//! One line for a log, while the run goes on.

use crate::measure::Progress;
use crate::model::duration;
use crate::time::Instant;

/// Where the run stands at `now`, in one line. What matters most stands first, for a terminal cuts off what is too long.
pub fn progress_line(progress: &Progress, now: Instant) -> String {
    let void = match progress.void {
        0 => String::new(),
        void => format!(", {void} void"),
    };
    let left = progress.ends_by.since(now);
    let left = if left.is_zero() { "about to end".into() } else { format!("at most {} to go", duration::human(left)) };
    let mut parts = vec![left];
    if let Some(longest) = progress.longest_alive {
        parts.push(format!("survived {}", duration::human(longest)));
    }
    if let Some(shortest) = progress.shortest_dead {
        parts.push(format!("dead after {}", duration::human(shortest)));
    }
    parts.push(format!("{} open, {} alive, {} dead{void}", progress.open, progress.alive, progress.dead));
    parts.push(progress.phase.to_owned());
    parts.join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Duration;

    #[test]
    fn a_line_says_where_the_run_stands_and_how_long_it_can_take() {
        let mut progress = Progress {
            phase: "climbing the ladder",
            open: 412,
            alive: 37,
            dead: 0,
            void: 0,
            longest_alive: Some(Duration::from_millis(72_340)),
            shortest_dead: None,
            ends_by: Instant::from_secs_f64(605.0),
        };
        let now = Instant::from_secs_f64(72.4);
        assert_eq!(
            progress_line(&progress, now),
            "at most 8m 53s to go; survived 72.3 s; 412 open, 37 alive, 0 dead; climbing the ladder"
        );
        progress.void = 3;
        progress.shortest_dead = Some(Duration::from_secs(75));
        assert_eq!(
            progress_line(&progress, Instant::from_secs_f64(700.0)),
            "about to end; survived 72.3 s; dead after 75.0 s; 412 open, 37 alive, 0 dead, 3 void; climbing the ladder"
        );
    }
}
