//! Problems as the command line draws them, read back: a line a place, as the log and the service
//! tell it.

/// `FILE:LINE:COLUMN: error: message`, then what is said to it, indented. What stands in the files is
/// left out; what is no problem stays as it is.
pub fn told(drawn: &str) -> String {
    let (mut told, mut title) = (String::new(), None);
    for line in drawn.lines() {
        let inner = line.trim_start();
        let is_snippet = inner.trim_start_matches(|letter: char| letter.is_ascii_digit()).trim_start().starts_with('|');
        if line.starts_with("error: ") || line.starts_with("warning: ") {
            title = Some(line);
        } else if let (Some(title), Some(place)) = (title, inner.strip_prefix("--> ")) {
            told += &format!("{place}: {title}\n");
        } else if let Some(note) = inner.strip_prefix("= ").or(inner.strip_prefix("::: ")) {
            told += &format!("    {note}\n");
        } else if !is_snippet && !line.is_empty() && inner != "." {
            told += &format!("{line}\n");
        }
    }
    told
}
