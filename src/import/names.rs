//! Names that a table allows, made of whatever was written; each different from the others.

use std::collections::HashSet;

const LONGEST: usize = 64;

/// Names given so far.
#[derive(Debug, Default)]
pub struct Names {
    taken: HashSet<String>,
}

impl Names {
    /// A name for what was written. Asked in order: who comes first keeps the name as it is.
    pub fn give(&mut self, written: &str) -> String {
        let name = allowed(written);
        let numbered = (2..).map(|number: u64| {
            let suffix = format!("-{number}");
            let kept = name.len().min(LONGEST - suffix.len());
            format!("{}{suffix}", &name[..kept])
        });
        let free = std::iter::once(name.clone()).chain(numbered).find(|name| !self.taken.contains(name));
        let free = free.unwrap_or(name);
        self.taken.insert(free.clone());
        free
    }
}

pub fn is_allowed(name: &str) -> bool {
    !name.is_empty() && name.len() <= LONGEST && name.chars().all(is_letter)
}

/// ASCII, so that it can be cut anywhere.
fn allowed(written: &str) -> String {
    let name: String =
        written.chars().take(LONGEST).map(|letter| if is_letter(letter) { letter } else { '-' }).collect();
    if name.is_empty() { "empty".to_owned() } else { name }
}

fn is_letter(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || matches!(letter, '.' | '_' | '-')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_is_allowed_stays_and_the_rest_is_near_it() {
        let mut names = Names::default();
        let given = ["uk", "a b", "a-b", "a/b", "", "é"].map(|written| names.give(written));
        assert_eq!(given, ["uk", "a-b", "a-b-2", "a-b-3", "empty", "-"]);
    }

    proptest! {
        #[test]
        fn names_are_allowed_and_differ(written in prop::collection::vec(".{0,70}", 0..20)) {
            let mut names = Names::default();
            let given: Vec<_> = written.iter().map(|written| names.give(written)).collect();
            prop_assert!(given.iter().all(|name| is_allowed(name)), "{given:?}");
            prop_assert_eq!(given.iter().collect::<HashSet<_>>().len(), given.len());
        }
    }
}
