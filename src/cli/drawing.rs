//! A problem as compilers draw it: the words, and the line that they are about with what is meant
//! underlined.
//!
//! Nothing of an input reaches the terminal that it would obey.

use std::io::{self, Write};
use std::ops::Range;

use codespan_reporting::diagnostic::{LabelStyle, Severity as Level};
use codespan_reporting::files::Error;
use codespan_reporting::term::termcolor::Buffer;
use codespan_reporting::term::{Chars, Config, Renderer, WriteStyle};

use crate::table::problem::{Excerpt, OtherPlace, Severity, Shown, all_seen, place};

/// What stands for the rest of a long line.
const REST: &str = "…";

/// A problem in several lines, the last of them ended.
pub fn drawn(problem: &Shown, coloured: bool) -> String {
    let config = Config { chars: Chars::ascii(), ..Config::default() };
    let mut buffer = if coloured { Buffer::ansi() } else { Buffer::no_color() };
    let width = [Some(problem.line), problem.also.as_ref().map(|also| also.line)].into_iter().flatten().max();
    let width = width.unwrap_or_default().max(1).ilog10() as usize + 1;
    let level = match problem.severity {
        Severity::Error => Level::Error,
        Severity::Warning => Level::Warning,
    };
    let mut drawing = Drawing { to: Renderer::new(&mut buffer, &config), level, width };
    if drawing.problem(problem).is_err() {
        return format!("{problem}\n");
    }
    let text = String::from_utf8_lossy(buffer.as_slice());
    text.lines().flat_map(|line| [line.trim_end(), "\n"]).collect()
}

struct Drawing<'d> {
    to: Renderer<'d, 'd>,
    level: Level,
    /// Of the line numbers.
    width: usize,
}

/// A line of a file, and what is underlined in it.
struct Line<'p> {
    number: u32,
    excerpt: &'p Excerpt,
    marks: Vec<(LabelStyle, Range<usize>, &'p str)>,
}

impl Drawing<'_> {
    fn problem(&mut self, problem: &Shown) -> Result<(), Error> {
        self.to.render_header(None, self.level, None, &all_seen(&problem.message))?;
        let Shown { file, line, column, length, excerpt, also, help, .. } = problem;
        self.at("-->", &place(file, *line, *column))?;
        let own = excerpt.as_ref().map(|excerpt| {
            let mark = (LabelStyle::Primary, marked(excerpt, *column, *length), "");
            Line { number: *line, excerpt, marks: vec![mark] }
        });
        let told_elsewhere = match (own, also) {
            (Some(own), Some(also)) => self.both(file, own, also)?,
            (own, also) => {
                self.lines(own.as_slice())?;
                also.is_some()
            }
        };
        let other = also.as_ref().filter(|_| told_elsewhere).map(|also| format!("note: {}", also.line()));
        let help = help.as_ref().map(|help| format!("help: {help}"));
        let notes: Vec<String> = other.into_iter().chain(help).collect();
        if !notes.is_empty() {
            self.to.render_snippet_empty(self.width, self.level, 0, &[])?;
        }
        notes.iter().try_for_each(|note| self.to.render_snippet_note(self.width, &all_seen(note)))
    }

    /// Both places of a conflict. True if the other one can't be drawn.
    fn both<'p>(&mut self, file: &str, mut own: Line<'p>, also: &'p OtherPlace) -> Result<bool, Error> {
        let Some(excerpt) = &also.excerpt else {
            self.lines(&[own])?;
            return Ok(true);
        };
        let mark = |excerpt| (LabelStyle::Secondary, marked(excerpt, also.column, also.length), also.label.as_str());
        let begin = own.excerpt.column;
        let end = begin.saturating_add(u32::try_from(own.excerpt.text.chars().count()).unwrap_or(u32::MAX));
        let other = Line { number: also.line, excerpt, marks: vec![mark(excerpt)] };
        if also.file != file {
            self.lines(&[own])?;
        } else if also.line != own.number {
            let in_order = if also.line < own.number { [other, own] } else { [own, other] };
            self.lines(&in_order)?;
            return Ok(false);
        } else if (begin..end).contains(&also.column) {
            own.marks.push(mark(own.excerpt));
            own.marks.sort_by_key(|(_, range, _)| range.start);
            self.lines(&[own])?;
            return Ok(false);
        } else {
            self.lines(&[own])?;
        }
        self.to.render_snippet_empty(self.width, self.level, 0, &[])?;
        self.at(":::", &place(&also.file, also.line, also.column))?;
        self.lines(&[other])?;
        Ok(false)
    }

    fn at(&mut self, arrow: &str, place: &str) -> io::Result<()> {
        write!(self.to, "{:1$} ", "", self.width)?;
        self.to.set_source_border()?;
        write!(self.to, "{arrow}")?;
        self.to.reset()?;
        writeln!(self.to, " {}", all_seen(place))
    }

    fn lines(&mut self, lines: &[Line<'_>]) -> Result<(), Error> {
        let (width, level) = (self.width, self.level);
        let mut before = None;
        for Line { number, excerpt, marks } in lines {
            match before {
                None => self.to.render_snippet_empty(width, level, 0, &[])?,
                Some(before) if *number > before + 1 => self.to.render_snippet_break(width, level, 0, &[])?,
                Some(_) => {}
            }
            before = Some(*number);
            self.to.render_snippet_source(width, *number as usize, &source(excerpt), level, marks, 0, &[])?;
        }
        Ok(())
    }
}

/// Its text, with marks where it is cut. What another process has sent need not be as it should.
fn source(excerpt: &Excerpt) -> String {
    let text: String = excerpt.text.split('\t').map(all_seen).collect::<Vec<_>>().join("\t");
    let (begin, end) = (if excerpt.column > 1 { REST } else { "" }, if excerpt.cut { REST } else { "" });
    // What is missing after the last character can be pointed at, too.
    format!("{begin}{text}{end} ")
}

/// Where in the [`source`] something stands.
fn marked(excerpt: &Excerpt, column: u32, length: u32) -> Range<usize> {
    let source = source(excerpt);
    let cut = usize::from(excerpt.column > 1);
    let first = column.saturating_sub(excerpt.column) as usize + cut;
    let last = source.len() - 1;
    let offset = |character: usize| source.char_indices().nth(character).map_or(last, |(offset, _)| offset);
    // A spot is as wide as what stands there, or comes after it.
    let (start, after) = (offset(first), first.saturating_add(length.max(1) as usize));
    start..offset(after).max(start + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str, column: u32, length: u32) -> Shown {
        Shown {
            severity: Severity::Error,
            file: "t.json".to_owned(),
            line: 9,
            column,
            length,
            message: "no".to_owned(),
            help: None,
            excerpt: Some(Excerpt { text: text.to_owned(), column: 1, cut: false }),
            also: None,
        }
    }

    #[test]
    fn what_another_process_sends_is_not_obeyed() {
        let mut sent = shown("\u{1b}[2J\t\"x\"", 99, 99);
        (sent.message, sent.file, sent.help) =
            ("\u{1b}[1m".to_owned(), "\u{9b}1m\n".to_owned(), Some("a\u{7}\nb".to_owned()));
        let drawn = drawn(&sent, false);
        assert!(!drawn.chars().any(|letter| letter.is_control() && letter != '\n'), "{drawn:?}");
        assert_eq!(drawn.lines().count(), 7, "{drawn}");
    }

    #[test]
    fn both_places_on_one_line_are_underlined() {
        let mut problem = shown("[\"a\", \"a\"]", 7, 3);
        let other = OtherPlace {
            file: "t.json".to_owned(),
            line: 9,
            column: 2,
            length: 3,
            label: "first listed here".to_owned(),
            excerpt: problem.excerpt.clone(),
        };
        problem.also = Some(other);
        insta::assert_snapshot!(drawn(&problem, false));
    }

    #[test]
    fn colours_are_only_given_when_asked_for() {
        let problem = shown("x", 1, 1);
        assert!(drawn(&problem, true).contains('\u{1b}') && !drawn(&problem, false).contains('\u{1b}'));
    }
}
