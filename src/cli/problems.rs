//! Problems as the command line shows them.

use std::collections::HashSet;
use std::io::{self, IsTerminal, Write};

use super::drawing::drawn;
use super::say;
use crate::table::Problems;
use crate::table::problem::Shown;

/// All problems of all inputs, errors and warnings, in order.
pub fn shown(problems: &[Problems]) -> Vec<Shown> {
    problems.iter().flat_map(Problems::shown).collect()
}

/// Each problem as compilers draw it, and an empty line after it.
pub fn write(out: &mut (impl Write + IsTerminal), problems: &[Problems]) -> io::Result<()> {
    let coloured = is_coloured(out);
    shown(problems).iter().try_for_each(|problem| writeln!(out, "{}", drawn(problem, coloured)))
}

/// The same, beside a result.
pub fn tell(problems: &[Problems]) {
    tell_all(&shown(problems));
}

/// What is so of several inputs, such as a dataset that two tables share, is told once.
pub fn tell_all<'p>(problems: impl IntoIterator<Item = &'p Shown>) {
    let coloured = is_coloured(&io::stderr());
    let mut told = HashSet::new();
    for problem in problems {
        let drawn = drawn(problem, coloured);
        if !told.contains(&drawn) {
            say(format_args!("{drawn}"));
            told.insert(drawn);
        }
    }
}

/// Terminals show colours, unless whoever sits at one wants none (<https://no-color.org>).
fn is_coloured(out: &impl IsTerminal) -> bool {
    let is_dumb = std::env::var_os("TERM").is_some_and(|terminal| terminal == "dumb");
    let is_unwanted = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    out.is_terminal() && !is_dumb && !is_unwanted
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
