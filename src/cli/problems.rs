//! Problems as the command line shows them.

use std::collections::HashSet;
use std::io::{self, Write};

use super::say;
use crate::table::Problems;
use crate::table::problem::Shown;

/// All problems of all inputs, errors and warnings, in order.
pub fn shown(problems: &[Problems]) -> Vec<Shown> {
    problems.iter().flat_map(Problems::shown).collect()
}

/// One problem a paragraph, as compilers show them.
pub fn write(out: &mut impl Write, problems: &[Problems]) -> io::Result<()> {
    shown(problems).iter().try_for_each(|problem| writeln!(out, "{problem}"))
}

/// The same, beside a result. What is so of several inputs, such as a dataset that two tables
/// share, is told once.
pub fn tell(problems: &[Problems]) {
    let mut told = HashSet::new();
    for problem in shown(problems).iter().map(Shown::to_string) {
        if !told.contains(&problem) {
            say(format_args!("{problem}"));
            told.insert(problem);
        }
    }
}

pub fn good(problems: &[Problems]) -> bool {
    !problems.iter().any(Problems::has_errors)
}

/// How many errors and warnings there are, shown or not.
pub fn count(problems: &[Problems]) -> (usize, usize) {
    (problems.iter().map(Problems::errors).sum(), problems.iter().map(Problems::warnings).sum())
}

/// `3 errors, 1 warning`.
pub fn summary(problems: &[Problems]) -> String {
    let (errors, warnings) = count(problems);
    let plural = |count: usize, word: &str| format!("{count} {word}{}", if count == 1 { "" } else { "s" });
    format!("{}, {}", plural(errors, "error"), plural(warnings, "warning"))
}
