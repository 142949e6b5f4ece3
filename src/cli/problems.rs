//! Problems as the command line shows them.

use std::io::{self, Write};

use crate::table::Problems;
use crate::table::problem::{Severity, Shown};

/// All problems of all inputs, errors and warnings, in order.
pub fn shown(problems: &[Problems]) -> Vec<Shown> {
    problems.iter().flat_map(Problems::shown).collect()
}

/// One problem a paragraph, as compilers show them.
pub fn write(out: &mut impl Write, shown: &[Shown]) -> io::Result<()> {
    shown.iter().try_for_each(|problem| writeln!(out, "{problem}"))
}

pub fn count(shown: &[Shown], severity: Severity) -> usize {
    shown.iter().filter(|problem| problem.severity == severity).count()
}

/// `3 errors, 1 warning`.
pub fn summary(shown: &[Shown]) -> String {
    let (errors, warnings) = (count(shown, Severity::Error), count(shown, Severity::Warning));
    let plural = |count: usize, word: &str| format!("{count} {word}{}", if count == 1 { "" } else { "s" });
    format!("{}, {}", plural(errors, "error"), plural(warnings, "warning"))
}
