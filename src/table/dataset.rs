//! Datasets: which addresses belong to an AS or a country.
//!
//! Reads CSV with a header row `start,end,asn` or `start,end,country` (inclusive ranges, plain or
//! gzip) and `MaxMind`'s `.mmdb`. Bytes in, disjoint ranges out; no files.

use std::borrow::Cow;
use std::io::Read;
use std::net::IpAddr;
use std::path::Path;

use super::beaten::keep_beaten;
use super::footprint::{CountryCode, Footprint, FootprintType, shorten};
use super::problem::{FileId, Place, Problems, saturate};
use super::space::{self, Address, Range, Segment};

/// What a dataset's ranges are keyed by: an AS number, or a country code as a number.
pub type Key = u32;

/// No AS has this number (RFC 7300), and no country this code.
pub const NO_KEY: Key = u32::MAX;

/// Overlaps told one by one; the rest are counted.
const OVERLAPS_TOLD: usize = 5;

/// The key of a footprint that is claimed by a dataset of the given type.
pub fn key(kind: FootprintType, footprint: Footprint) -> Option<Key> {
    match (kind, footprint) {
        (FootprintType::Asn, Footprint::Asn(number)) => Some(number),
        (FootprintType::CountryCode, Footprint::CountryCode(code)) => Some(country_key(code)),
        _ => None,
    }
}

pub fn country_key(code: CountryCode) -> Key {
    let [first, second] = code.letters();
    u32::from(first) << 8 | u32::from(second)
}

/// The ranges of every file of one type, as read.
pub struct Dataset<'i> {
    kind: FootprintType,
    ipv4: Vec<Range<u32>>,
    ipv6: Vec<Range<u128>>,
    /// Which file the ranges from an order number on came from; the rest of it is the line.
    files: Vec<(u32, FileId)>,
    texts: Vec<Packed<'i>>,
    next_order: u32,
}

/// A file that is text, as it came. Overlaps are only found once all files are read; all of them unpacked would take more
/// memory than the table, so the few that are told of are unpacked again.
struct Packed<'i> {
    file: FileId,
    bytes: &'i [u8],
    limit: u64,
}

impl<'i> Dataset<'i> {
    pub fn new(kind: FootprintType) -> Self {
        Self { kind, ipv4: Vec::new(), ipv6: Vec::new(), files: Vec::new(), texts: Vec::new(), next_order: 0 }
    }

    /// Adds a file's ranges. Its name tells the format: `.mmdb`, or else CSV; gzip is recognised
    /// by its first bytes. At most `limit` bytes are unpacked.
    pub fn add(&mut self, file: FileId, name: &str, bytes: &'i [u8], limit: u64, problems: &mut Problems) {
        self.files.push((self.next_order, file));
        let before = self.ipv4.len() + self.ipv6.len();
        let unpacked = match unpack(bytes, limit) {
            Ok(unpacked) => unpacked,
            Err(what) => {
                problems.error(Place::whole_file(file), what).help("fetch or write the file again, whole");
                return;
            }
        };
        let packed = Packed { file, bytes, limit };
        let bytes = unpacked.map_or(Cow::Borrowed(bytes), Cow::Owned);
        let base_name = Path::new(name.strip_suffix(".gz").unwrap_or(name));
        let lines = if base_name.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("mmdb")) {
            super::mmdb::read(self.kind, file, &bytes, problems, |start, end, key| self.push(start, end, key, 0));
            0
        } else {
            let lines = self.read_csv(file, &bytes, problems);
            problems.excerpts(file, &bytes);
            self.texts.push(packed);
            lines
        };
        if self.ipv4.len() + self.ipv6.len() == before && !problems.has_errors() {
            problems.error(Place::whole_file(file), "the dataset has no ranges");
        }
        self.next_order = self.next_order.saturating_add(lines).saturating_add(1);
    }

    /// Settles overlaps (the narrower range wins, then the first file and line) and warns of
    /// them. Gives the disjoint ranges in order.
    pub fn settle(self, problems: &mut Problems) -> Settled {
        let Self { ipv4, ipv6, files, texts, .. } = self;
        let settled = Settled { ipv4: settle(ipv4, &files, problems), ipv6: settle(ipv6, &files, problems) };
        for Packed { file, bytes, limit } in texts {
            if problems.lacks_excerpts(file)
                && let Ok(unpacked) = unpack(bytes, limit)
            {
                problems.excerpts(file, unpacked.as_deref().unwrap_or(bytes));
            }
        }
        settled
    }

    fn read_csv(&mut self, file: FileId, bytes: &[u8], problems: &mut Problems) -> u32 {
        if !bytes.ends_with(b"\n") {
            let place = if bytes.is_empty() { Place::whole_file(file) } else { Place::end_of(file, bytes) };
            problems
                .error(place, "the file does not end in a newline: it may be cut short")
                .help("fetch or write the file again, whole");
        }
        // What is left of a row that is cut short is none.
        let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
        let bytes = &bytes[..whole];
        let mut reader = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(bytes);
        let mut record = csv::ByteRecord::new();
        let mut is_header = true;
        let mut last_line = 0;
        loop {
            match reader.read_byte_record(&mut record) {
                Ok(true) => {}
                Ok(false) => return last_line,
                Err(error) => {
                    problems.error(Place::line(file, last_line + 1), format!("not CSV: {error}"));
                    return last_line;
                }
            }
            let (line, written) = written(&record, bytes);
            last_line = line;
            let read = if is_header { self.header(&record) } else { self.row(&record, line) };
            if let Err(wrong) = read {
                let place = wrong.place(file, line, written);
                problems.error(place, wrong.message).help = wrong.help;
                if is_header {
                    return last_line;
                }
            }
            is_header = false;
        }
    }

    fn header(&self, record: &csv::ByteRecord) -> Result<(), WrongField> {
        let column = match self.kind {
            FootprintType::Asn => "asn",
            _ => "country",
        };
        let expected = ["start", "end", column];
        if record.iter().eq(expected.iter().map(|name| name.as_bytes())) {
            return Ok(());
        }
        let expected = expected.join(",");
        let wrong = WrongField::new(None, format!("the header row must be `{expected}`"));
        Err(wrong.help(format!("write `{expected}` as the first line, with nothing before it")))
    }

    fn row(&mut self, record: &csv::ByteRecord, line: u32) -> Result<(), WrongField> {
        let wrong = WrongField::new;
        let text = |field: usize| std::str::from_utf8(record.get(field).unwrap_or_default()).unwrap_or("\u{fffd}");
        if record.len() != 3 {
            let message = format!("expected 3 fields, found {}", record.len());
            return Err(WrongField::new(None, message).help(format!("write `{}`", self.example())));
        }
        let address = |field: usize| text(field).parse::<IpAddr>().map_err(|_| not_an_address(field, text(field)));
        let (mut start, mut end) = (address(0)?, address(1)?);
        if start.to_canonical().is_ipv4() && end.to_canonical().is_ipv4() {
            // IPv4-mapped ranges are IPv4's: they are never looked up as IPv6.
            (start, end) = (start.to_canonical(), end.to_canonical());
        }
        if start.is_ipv4() != end.is_ipv4() {
            let message = "the range begins in one address family and ends in the other".to_owned();
            return Err(wrong(1, message).help("write both addresses of one family"));
        }
        if start > end {
            let message = "the range ends before it begins".to_owned();
            return Err(wrong(1, message).help("write the first address, then the last"));
        }
        let key = match self.kind {
            FootprintType::Asn => text(2)
                .parse::<u32>()
                .ok()
                .filter(|number| *number != NO_KEY && text(2).bytes().all(|byte| byte.is_ascii_digit()))
                .ok_or_else(|| {
                    wrong(2, format!("`{}` is not an AS number", shorten(text(2))))
                        .help("write the number alone, as in `64500`")
                })?,
            _ => text(2)
                .parse::<CountryCode>()
                .map(country_key)
                .map_err(|error| WrongField { help: error.help, ..wrong(2, error.message) })?,
        };
        self.push(start, end, key, line);
        Ok(())
    }

    /// A row as it is to be.
    fn example(&self) -> &'static str {
        match self.kind {
            FootprintType::Asn => "192.0.2.0,192.0.2.255,64500",
            _ => "192.0.2.0,192.0.2.255,GB",
        }
    }

    fn push(&mut self, start: IpAddr, end: IpAddr, value: Key, line: u32) {
        let order = self.next_order.saturating_add(line);
        match (start, end) {
            (IpAddr::V4(start), IpAddr::V4(end)) => {
                self.ipv4.push(Range { start: start.to_bits(), end: end.to_bits(), layer: 0, order, value });
            }
            (IpAddr::V6(start), IpAddr::V6(end)) => {
                self.ipv6.push(Range { start: start.to_bits(), end: end.to_bits(), layer: 0, order, value });
            }
            _ => {}
        }
    }
}

/// Whose the addresses are, by key.
pub struct Settled {
    pub ipv4: Owned<u32>,
    pub ipv6: Owned<u128>,
}

pub struct Owned<A> {
    /// Disjoint ranges in order.
    pub segments: Vec<Segment<A>>,
    /// The ranges as read that lost addresses to others, in the order in which ranges win.
    pub beaten: Vec<Segment<A>>,
}

fn not_an_address(field: usize, written: &str) -> WrongField {
    let wrong = WrongField::new(field, format!("`{}` is not an IP address", shorten(written)));
    if written.contains('/') {
        wrong.help("write the first and the last address of the prefix, in two fields")
    } else if written.trim() != written {
        wrong.help("take out the space around it")
    } else {
        wrong.help("write it as in `192.0.2.0` or `2001:db8::`")
    }
}

struct WrongField {
    /// None: all of the row.
    field: Option<usize>,
    message: String,
    help: Option<String>,
}

impl WrongField {
    fn new(field: impl Into<Option<usize>>, message: String) -> Self {
        Self { field: field.into(), message, help: None }
    }

    fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    fn place(&self, file: FileId, line: u32, written: &[u8]) -> Place {
        let Some(field) = self.field else { return Place::line(file, line) };
        let length = |field: &[u8]| String::from_utf8_lossy(field).chars().count();
        let mut fields = written.split(|byte| *byte == b',').map(length);
        let before: usize = fields.by_ref().take(field).map(|length| length + 1).sum();
        Place { file, line, column: saturate(before + 1), length: saturate(fields.next().unwrap_or_default()) }
    }
}

/// Where a record stands: its line, and that line as it is written, quotes included. The reader
/// gives the place where the record before ended, which line ends and empty lines may follow.
fn written<'b>(record: &csv::ByteRecord, bytes: &'b [u8]) -> (u32, &'b [u8]) {
    let (offset, line) = record.position().map_or((0, 0), |position| (position.byte(), position.line()));
    let rest = usize::try_from(offset).ok().and_then(|offset| bytes.get(offset..)).unwrap_or_default();
    let begins = rest.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
    let (between, rest) = rest.split_at(begins);
    let skipped = between.split(|byte| *byte == b'\n').count() - 1;
    let written = rest.split(|byte| matches!(byte, b'\r' | b'\n')).next().unwrap_or_default();
    (u32::try_from(line).unwrap_or(u32::MAX).saturating_add(saturate(skipped)), written)
}

fn settle<A: Address>(mut ranges: Vec<Range<A>>, files: &[(u32, FileId)], problems: &mut Problems) -> Owned<A> {
    ranges.sort_unstable_by_key(|range| (range.start, range.end, range.order));
    let overlaps = overlaps(&ranges);
    if overlaps.is_empty() {
        return Owned { segments: ranges.into_iter().map(|range| range.segment()).collect(), beaten: Vec::new() };
    }
    for (first, second) in overlaps.iter().take(OVERLAPS_TOLD) {
        problems
            .warning(place(*second, files), "the range overlaps another: the narrower one wins, then the first")
            .also(place(*first, files), "the other range")
            .help("mend the dataset if that is not what it means");
    }
    if let Some((_, second)) = overlaps.get(OVERLAPS_TOLD) {
        let more = overlaps.len() - OVERLAPS_TOLD;
        problems.warning(Place::whole_file(place(*second, files).file), format!("{more} more ranges overlap"));
    }
    let mut overlapping = space::overlapping(&ranges);
    overlapping.sort_unstable_by_key(Range::rank);
    let mut beaten = overlapping.iter().map(Range::segment).collect();
    let mut segments = space::sweep(ranges, NO_KEY);
    segments.retain(|segment| segment.value != NO_KEY);
    keep_beaten(&mut beaten, &segments);
    Owned { segments, beaten }
}

/// Pairs of order numbers: each range that begins inside one before it. Wants sorted ranges.
fn overlaps<A: Address>(ranges: &[Range<A>]) -> Vec<(u32, u32)> {
    let mut found = Vec::new();
    let mut furthest: Option<&Range<A>> = None;
    for range in ranges {
        match furthest {
            Some(before) if range.start <= before.end => {
                found.push((before.order, range.order));
                if range.end > before.end {
                    furthest = Some(range);
                }
            }
            _ => furthest = Some(range),
        }
    }
    found
}

fn place(order: u32, files: &[(u32, FileId)]) -> Place {
    let index = files.partition_point(|(first, _)| *first <= order).saturating_sub(1);
    let (first, file) = files[index];
    Place::line(file, order - first)
}

/// The unpacked bytes of a gzip file, or none if it is not one.
fn unpack(bytes: &[u8], limit: u64) -> Result<Option<Vec<u8>>, String> {
    if !bytes.starts_with(&[0x1f, 0x8b]) {
        return Ok(None);
    }
    let mut unpacked = Vec::new();
    flate2::read::MultiGzDecoder::new(bytes)
        .take(limit.saturating_add(1))
        .read_to_end(&mut unpacked)
        .map_err(|error| format!("the gzip file can't be unpacked: {error}"))?;
    if unpacked.len() as u64 > limit {
        return Err(format!("the file unpacks to more than the limit of {limit} bytes"));
    }
    Ok(Some(unpacked))
}
