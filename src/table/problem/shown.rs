//! Problems as people and tools read them.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{Excerpt, Severity};

/// One problem with its file's name, ready to print or to serialize.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Shown {
    pub severity: Severity,
    pub file: String,
    /// From 1; 0 is the file as a whole.
    pub line: u32,
    /// In characters from 1.
    pub column: u32,
    /// In characters. 0 if it is a spot, or not known.
    #[serde(default)]
    pub length: u32,
    pub message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub help: Option<String>,
    /// What stands there, unless it is a file as a whole, or one that is not to be shown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub excerpt: Option<Excerpt>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub also: Option<OtherPlace>,
}

/// The other place of a conflict.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct OtherPlace {
    pub file: String,
    pub line: u32,
    pub column: u32,
    #[serde(default)]
    pub length: u32,
    /// What it is to the problem.
    #[serde(default)]
    pub label: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub excerpt: Option<Excerpt>,
}

impl Severity {
    pub fn name(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
        }
    }
}

impl Shown {
    /// `FILE:LINE:COLUMN: error: message`, on one line.
    pub fn line(&self) -> String {
        format!("{}: {}: {}", place(&self.file, self.line, self.column), self.severity.name(), self.message)
    }
}

impl OtherPlace {
    /// `first listed here: FILE:LINE:COLUMN`, on one line.
    pub fn line(&self) -> String {
        let label = if self.label.is_empty() { "the other place" } else { &self.label };
        format!("{label}: {}", place(&self.file, self.line, self.column))
    }
}

/// Without its excerpts, a line each.
impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.line())?;
        if let Some(also) = &self.also {
            write!(f, "\n    {}", also.line())?;
        }
        if let Some(help) = &self.help {
            write!(f, "\n    help: {help}")?;
        }
        Ok(())
    }
}

/// As editors and terminals know to open it.
pub fn place(file: &str, line: u32, column: u32) -> String {
    match (line, column) {
        (0, _) => file.to_owned(),
        (line, 0) => format!("{file}:{line}"),
        (line, column) => format!("{file}:{line}:{column}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_before_there_were_excerpts_is_still_read() {
        let old = r#"{ "severity": "error", "file": "b.txt", "line": 7, "column": 1, "message": "twice",
                       "also": { "file": "a.json", "line": 2, "column": 3 } }"#;
        let shown: Shown = serde_json::from_str(old).unwrap();
        assert_eq!(shown.to_string(), "b.txt:7:1: error: twice\n    the other place: a.json:2:3");
    }
}
