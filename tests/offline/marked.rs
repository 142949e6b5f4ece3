//! Documents with marks around what is faulty in them: `«…»`, and `‹…›` around the other place of
//! a conflict. What a check tells must stand exactly there.

/// Where something stands, in characters from 1, and how long it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Spot {
    pub line: u32,
    pub column: u32,
    pub length: u32,
}

pub struct Marked {
    /// The document without its marks.
    pub text: String,
    /// What is faulty, in order.
    pub faults: Vec<Spot>,
    /// What is in conflict with a fault, in order.
    pub others: Vec<Spot>,
}

impl Marked {
    pub fn new(marked: &str) -> Self {
        let mut text = String::with_capacity(marked.len());
        let (mut line, mut column) = (1, 1);
        let (mut open, mut faults, mut others) = (Vec::new(), Vec::new(), Vec::new());
        for character in marked.chars() {
            match character {
                '«' | '‹' => open.push((line, column, text.chars().count())),
                '»' | '›' => {
                    let (line, column, start) = open.pop().expect("a mark that was opened");
                    let length = text.chars().count() - start;
                    let spot = Spot { line, column, length: u32::try_from(length).unwrap() };
                    if character == '»' { faults.push(spot) } else { others.push(spot) }
                }
                '\n' => {
                    text.push(character);
                    (line, column) = (line + 1, 1);
                }
                _ => {
                    text.push(character);
                    column += 1;
                }
            }
        }
        assert!(open.is_empty(), "a mark is not closed in {marked}");
        faults.sort_unstable();
        others.sort_unstable();
        Self { text, faults, others }
    }
}

#[test]
fn marks_are_taken_out_and_counted() {
    let marked = Marked::new("a «bé»\n «{ ‹x› »");
    assert_eq!(marked.text, "a bé\n { x ");
    let spot = |line, column, length| Spot { line, column, length };
    assert_eq!(marked.faults, [spot(1, 3, 2), spot(2, 2, 4)]);
    assert_eq!(marked.others, [spot(2, 4, 1)]);
}
